use std::collections::BTreeMap;

use super::{
    Chain, Cors, FetchFault, Limits, Macros, Need, NetworkHop, Options, Resolver, Response, Start,
};

/// A wrapper that leads to `uri`.
fn wrapper(uri: &str) -> String {
    wrapper_with("", "", uri)
}

fn wrapper_with(flags: &str, more: &str, uri: &str) -> String {
    vast(&wrapper_ad("", flags, more, uri))
}

fn wrapper_ad(attributes: &str, flags: &str, more: &str, uri: &str) -> String {
    format!(
        "<Ad{attributes}><Wrapper{flags}><AdSystem>a</AdSystem>\
         <VASTAdTagURI><![CDATA[{uri}]]></VASTAdTagURI>{more}</Wrapper></Ad>"
    )
}

fn inline(title: &str) -> String {
    vast(&inline_ad("", title))
}

fn inline_ad(attributes: &str, title: &str) -> String {
    format!("<Ad{attributes}><InLine><AdTitle>{title}</AdTitle></InLine></Ad>")
}

fn vast(ads: &str) -> String {
    format!("<VAST version=\"4.2\">{ads}</VAST>")
}

type Answers = BTreeMap<String, Result<Vec<u8>, FetchFault>>;

fn answers<const N: usize>(bodies: [(&str, &str); N]) -> Answers {
    let each = |(url, body): (&str, &str)| (url.to_owned(), Ok(body.as_bytes().to_vec()));
    bodies.into_iter().map(each).collect()
}

/// Resolves over answers by address; an unknown address answers 404. Each takes `ms`.
fn resolve_in(start: Start, answers: &Answers, options: Options, ms: u32) -> Chain {
    let mut resolver = Resolver::new(start, options);
    while let Need::Fetch(need) = resolver.step() {
        let key = need.url.split('?').next().unwrap_or_default();
        let body = answers.get(key).cloned().unwrap_or(Err(FetchFault::Status(404)));
        resolver.supply(Response {
            network: vec![NetworkHop {
                url: need.url.clone(),
                status: Some(200),
                remote_ip: None,
                tls: None,
                ms,
                bytes: 0,
            }],
            final_url: Some(need.url),
            content_type: None,
            cors: Some(Cors::default()),
            body,
        });
    }
    resolver.finish()
}

fn resolve(first: &str, answers: &Answers, limits: Limits) -> Chain {
    let options = Options { limits, macros: Macros::default() };
    resolve_in(Start::Document(first.as_bytes().to_vec()), answers, options, 0)
}

/// One line a chain: outcome, code, what plays, then each hop with its kind, its expected error
/// and its fault.
fn told(chain: &Chain) -> String {
    let code =
        |error: Option<super::VastError>| error.map_or("-".to_owned(), |e| e.code().to_string());
    let title = |ad: &super::ResolvedAd| ad.creative.title.clone().unwrap_or_default().to_string();
    let ads: Vec<String> = chain.ads.iter().map(title).collect();
    let hops = chain.hops.iter().map(|hop| {
        let fault = hop.fault.as_ref().map(|fault| format!(": {}", fault.text));
        let error = hop.expected_error.map(|error| format!(" {}", error.code()));
        format!("{}{}{}", hop.kind.as_str(), error.unwrap_or_default(), fault.unwrap_or_default())
    });
    let hops: Vec<String> = hops.collect();
    format!(
        "{} {} [{}] {}",
        chain.outcome.as_str(),
        code(chain.vast_error),
        ads.join(" "),
        hops.join(" > ")
    )
}

fn check(first: &str, answers: &Answers, expect: &str) {
    check_within(Limits::default(), first, answers, expect);
}

fn check_within(limits: Limits, first: &str, answers: &Answers, expect: &str) {
    assert_eq!(told(&resolve(first, answers, limits)), expect);
}

/// A chain of so many wrappers before the ad: its first document and the others.
fn chain_of(wrappers: usize) -> (String, Answers) {
    let url = |at: usize| format!("https://a.example/{at}");
    let mut answers = Answers::new();
    for at in 1..wrappers {
        answers.insert(url(at), Ok(wrapper(&url(at + 1)).into_bytes()));
    }
    answers.insert(url(wrappers), Ok(inline("end").into_bytes()));
    (wrapper(&url(1)), answers)
}

#[test]
fn an_ad_at_hand_needs_nothing() {
    check(&inline("one"), &Answers::new(), "resolved - [one] inline");
}

#[test]
fn a_wrapper_is_followed() {
    let answers = answers([("https://a.example/1", &inline("one"))]);
    check(&wrapper("https://a.example/1"), &answers, "resolved - [one] wrapper > inline");
}

#[test]
fn five_wrappers_are_followed_and_the_sixth_is_not() {
    let (first, answers) = chain_of(5);
    check(
        &first,
        &answers,
        "resolved - [end] wrapper > wrapper > wrapper > wrapper > wrapper > inline",
    );
    let (first, answers) = chain_of(6);
    check(
        &first,
        &answers,
        "refused 302 [] wrapper 302 > wrapper 302 > wrapper 302 > wrapper 302 > wrapper 302 > \
         wrapper 302: wrapper 6 in a row, where 5 are followed",
    );
}

#[test]
fn the_wrapper_limit_can_be_set() {
    let limits = |max_wrappers| Limits { max_wrappers, ..Limits::default() };
    let (first, answers) = chain_of(6);
    let chain = resolve(&first, &answers, limits(6));
    assert_eq!(chain.ads.len(), 1);
    let (first, answers) = chain_of(1);
    check_within(
        limits(0),
        &first,
        &answers,
        "refused 302 [] wrapper 302: wrapper 1 in a row, where 0 are followed",
    );
}

#[test]
fn further_wrappers_are_ignored_where_they_are_ruled_out() {
    let answers = answers([
        ("https://a.example/1", &wrapper("https://a.example/2")),
        ("https://a.example/2", &inline("two")),
        ("https://a.example/3", &inline("three")),
    ]);
    for value in ["false", "0", " false "] {
        let flag = format!(" followAdditionalWrappers=\"{value}\"");
        check(
            &wrapper_with(&flag, "", "https://a.example/1"),
            &answers,
            "no_ad 303 [] wrapper 303 > wrapper: a wrapper, which followAdditionalWrappers=false \
             of the wrapper before it rules out",
        );
        check(
            &wrapper_with(&flag, "", "https://a.example/3"),
            &answers,
            "resolved - [three] wrapper > inline",
        );
    }
    for value in ["true", "1", "banana"] {
        let flag = format!(" followAdditionalWrappers=\"{value}\"");
        check(
            &wrapper_with(&flag, "", "https://a.example/1"),
            &answers,
            "resolved - [two] wrapper > wrapper > inline",
        );
    }
}

#[test]
fn what_one_wrapper_rules_out_is_not_inherited() {
    let ruled_out = wrapper_with(" followAdditionalWrappers=\"false\"", "", "https://a.example/2");
    let answers =
        answers([("https://a.example/1", &ruled_out), ("https://a.example/2", &inline("two"))]);
    check(&wrapper("https://a.example/1"), &answers, "resolved - [two] wrapper > wrapper > inline");
}

#[test]
fn a_loop_by_address_is_seen_before_it_is_fetched() {
    let answers = answers([
        ("https://a.example/1", &wrapper("https://a.example/2")),
        ("https://a.example/2", &wrapper("HTTPS://A.Example:443/x/../1#again")),
    ]);
    check(
        &wrapper("https://a.example/1"),
        &answers,
        "refused 302 [] wrapper 302 > wrapper 302 > wrapper 302: a loop: it asks for the address \
         of hop 1 again",
    );
}

#[test]
fn a_loop_behind_cache_busters_is_seen_by_its_bytes() {
    let turn = wrapper("https://a.example/1?cb=[CACHEBUSTING]");
    let answers = answers([("https://a.example/1", &turn)]);
    check(
        &wrapper("https://a.example/1"),
        &answers,
        "refused 302 [] wrapper 302 > wrapper 302 > unread: a loop: the same document as hop 1",
    );
}

#[test]
fn one_address_with_other_macros_is_no_loop() {
    let answers = answers([("https://a.example/1", &inline("one"))]);
    let chain = resolve_in(
        Start::Url("https://a.example/1?cb=[CACHEBUSTING]".into()),
        &answers,
        Options::default(),
        0,
    );
    assert_eq!(told(&chain), "resolved - [one] inline");
    let again =
        resolve(&wrapper("https://a.example/1?cb=[CACHEBUSTING]"), &answers, Limits::default());
    let asked = |chain: &Chain, hop: usize| chain.hops.get(hop).and_then(|hop| hop.url.clone());
    assert_ne!(asked(&chain, 0), asked(&again, 1));
}

#[test]
fn a_response_without_ad_is_303_after_a_wrapper_and_an_answer_before() {
    let none = "<VAST version=\"4.2\"/>";
    let with_error = "<VAST version=\"4.2\"><Error><![CDATA[https://t.example/]]></Error></VAST>";
    let nothing = "the document holds no ad";
    check(none, &Answers::new(), "no_ad - [] empty");
    for (body, error) in [(none, ""), (with_error, " 303"), ("", ""), (" \n", "")] {
        check(
            &wrapper("https://a.example/1"),
            &answers([("https://a.example/1", body)]),
            &format!("no_ad 303 [] wrapper 303 > empty{error}: {nothing}"),
        );
    }
}

#[test]
fn a_document_that_cannot_be_read_is_told_from_one_of_another_kind() {
    for (body, expect) in [
        ("<VAST version=\"4.2\"><Ad>", "error 100"),
        ("not found", "error 100"),
        ("<html><body/></html>", "error 100"),
        ("<rss version=\"2.0\"/>", "error 101"),
        (
            "<vmap:VMAP xmlns:vmap=\"http://www.iab.net/videosuite/vmap\" version=\"1.0\"/>",
            "error 101",
        ),
        ("<VAST version=\"1.0\"/>", "error 102"),
        ("<VAST version=\"5.0\"/>", "error 102"),
        ("<VAST version=\"banana\"/>", "error 102"),
        ("<VideoAdServingTemplate/>", "error 102"),
    ] {
        let next = answers([("https://a.example/1", body)]);
        let found = told(&resolve(&wrapper("https://a.example/1"), &next, Limits::default()));
        let code = expect.trim_start_matches("error ");
        let start = format!("{expect} [] wrapper {code} > unread: ");
        assert!(found.starts_with(&start), "{body}: {found}");
        let found = told(&resolve(body, &Answers::new(), Limits::default()));
        assert!(found.starts_with(&format!("{expect} [] unread: ")), "{body}: {found}");
    }
}

#[test]
fn versions_that_players_know_pass() {
    for version in ["2.0", "2.0.1", "3.0", "4.0", "4.1", "4.2", "4.3", "4.4", "3", " 4.2 "] {
        let body = inline("x").replace("4.2", version);
        check(&body, &Answers::new(), "resolved - [x] inline");
    }
    check(&inline("x").replace(" version=\"4.2\"", ""), &Answers::new(), "resolved - [x] inline");
}

#[test]
fn failed_fetches_are_301_and_what_we_decline_is_300() {
    for (fault, expect) in [
        (FetchFault::Timeout(4000), "error 301 [] wrapper 301 > unread: no answer within 4000 ms"),
        (FetchFault::Status(503), "error 301 [] wrapper 301 > unread: the server answered 503"),
        (
            FetchFault::Unreachable("connection refused".into()),
            "error 301 [] wrapper 301 > unread: not reachable: connection refused",
        ),
        (
            FetchFault::Refused("10.0.0.1 is a private address".into()),
            "refused 300 [] wrapper 300 > unread: 10.0.0.1 is a private address",
        ),
        (FetchFault::TooBig(10), "refused 300 [] wrapper 300 > unread: more than 10 bytes"),
    ] {
        let answers = Answers::from([("https://a.example/1".to_owned(), Err(fault))]);
        check(&wrapper("https://a.example/1"), &answers, expect);
    }
}

#[test]
fn addresses_that_are_none_are_300() {
    for (uri, why) in [
        ("", "VASTAdTagURI is missing or empty"),
        ("/next.xml", "VASTAdTagURI is no absolute URL"),
        ("javascript:alert(1)", "VASTAdTagURI is neither http nor https"),
        ("file:///etc/passwd", "VASTAdTagURI is neither http nor https"),
        ("https://me:pw@a.example/", "VASTAdTagURI carries credentials"),
    ] {
        check(&wrapper(uri), &Answers::new(), &format!("refused 300 [] wrapper 300: {why}"));
    }
    let chain = resolve_in(Start::Url("ftp://x/".into()), &Answers::new(), Options::default(), 0);
    assert!(told(&chain).starts_with("refused 300 [] unread: "));
}

#[test]
fn a_pod_is_taken_where_it_is_allowed() {
    let pod = vast(&format!(
        "{}{}{}",
        inline_ad(" sequence=\"2\"", "second"),
        inline_ad(" sequence=\"1\"", "first"),
        inline_ad("", "alone"),
    ));
    let only = vast(&inline_ad(" sequence=\"1\"", "first"));
    let answers = answers([("https://a.example/pod", &pod), ("https://a.example/only", &only)]);
    check(&pod, &answers, "resolved - [first second] inline");
    let allowed = " allowMultipleAds=\"true\"";
    check(
        &wrapper_with(allowed, "", "https://a.example/pod"),
        &answers,
        "resolved - [first second] wrapper > inline",
    );
    check(&wrapper("https://a.example/pod"), &answers, "resolved - [alone] wrapper > inline");
    check(
        &wrapper("https://a.example/only"),
        &answers,
        "no_ad 303 [] wrapper 303 > inline: only a pod, and the wrapper before it does not say \
         allowMultipleAds=true",
    );
}

#[test]
fn a_pod_of_wrappers_is_a_tree() {
    let pod = vast(&format!(
        "{}{}{}",
        wrapper_ad(" sequence=\"1\"", "", "", "https://a.example/1"),
        wrapper_ad(" sequence=\"2\"", "", "", "https://a.example/none"),
        wrapper_ad(" sequence=\"3\"", "", "", "https://a.example/3"),
    ));
    let answers = answers([
        ("https://a.example/1", &wrapper("https://a.example/1a")),
        ("https://a.example/1a", &inline("one")),
        ("https://a.example/none", "<VAST version=\"4.2\"/>"),
        ("https://a.example/3", &inline("three")),
    ]);
    let chain = resolve(&pod, &answers, Limits::default());
    assert_eq!(
        told(&chain),
        "resolved - [one three] wrapper 303 > wrapper > inline > empty: the document holds no ad \
         > inline"
    );
    let paths: Vec<&[u32]> = chain.ads.iter().map(|ad| ad.path.as_slice()).collect();
    assert_eq!(paths, [&[0, 1, 2][..], &[0, 4]]);
    let places: Vec<(Option<u32>, Option<u32>)> =
        chain.hops.iter().map(|hop| (hop.parent, hop.ad)).collect();
    assert_eq!(
        places,
        [
            (None, None),
            (Some(0), Some(1)),
            (Some(1), Some(1)),
            (Some(0), Some(2)),
            (Some(0), Some(3))
        ]
    );
}

#[test]
fn a_wrapper_without_ad_falls_back_only_when_it_says_so() {
    let document = |flags: &str| {
        vast(&format!(
            "{}{}",
            wrapper_ad("", flags, "", "https://a.example/none"),
            inline_ad("", "spare"),
        ))
    };
    let answers = answers([("https://a.example/none", "<VAST version=\"4.2\"/>")]);
    check(
        &document(" fallbackOnNoAd=\"true\""),
        &answers,
        "resolved - [spare] wrapper 303 > empty: the document holds no ad",
    );
    check(&document(""), &answers, "no_ad 303 [] wrapper 303 > empty: the document holds no ad");
}

#[test]
fn a_gap_in_a_pod_is_filled_by_a_spare_ad() {
    let pod = vast(&format!(
        "{}{}{}",
        wrapper_ad(" sequence=\"1\"", " fallbackOnNoAd=\"1\"", "", "https://a.example/none"),
        inline_ad(" sequence=\"2\"", "two"),
        inline_ad("", "spare"),
    ));
    check(
        &pod,
        &Answers::new(),
        "resolved - [spare two] wrapper 301 > unread: the server answered 404",
    );
}

#[test]
fn documents_are_bounded() {
    let (first, answers) = chain_of(3);
    let limits = |max_documents| Limits { max_documents, ..Limits::default() };
    check_within(
        limits(4),
        &first,
        &answers,
        "resolved - [end] wrapper > wrapper > wrapper > inline",
    );
    check_within(
        limits(3),
        &first,
        &answers,
        "refused 300 [] wrapper 300 > wrapper 300 > wrapper 300: more than 3 documents",
    );
}

#[test]
fn fan_out_is_bounded_and_what_is_left_out_is_counted() {
    let pod: String =
        (1..=3).map(|at| inline_ad(&format!(" sequence=\"{at}\""), &at.to_string())).collect();
    for (max_fan_out, ads, left_out) in [(3, 3, 0), (2, 2, 1)] {
        let limits = Limits { max_fan_out, ..Limits::default() };
        let chain = resolve(&vast(&pod), &Answers::new(), limits);
        assert_eq!(chain.ads.len(), ads);
        assert_eq!(chain.hops.first().map(|hop| hop.ads_left_out), Some(left_out));
    }
}

#[test]
fn bytes_are_bounded_by_hop_and_in_all() {
    let (first, answers) = chain_of(1);
    let len = |text: &str| u64::try_from(text.len()).unwrap();
    let larger = len(&first).max(len(&inline("end")));
    let sum = len(&first) + len(&inline("end"));
    let hop = |max_hop_bytes| Limits { max_hop_bytes, ..Limits::default() };
    let all = |max_total_bytes| Limits { max_total_bytes, ..Limits::default() };
    let resolved = "resolved - [end] wrapper > inline";
    check_within(hop(larger), &first, &answers, resolved);
    check_within(all(sum), &first, &answers, resolved);
    let text = format!("refused 300 [] unread: more than {} bytes", larger - 1);
    check_within(hop(larger - 1), &first, &answers, &text);
    let text = format!("refused 300 [] wrapper 300 > unread: more than {} bytes in all", sum - 1);
    check_within(all(sum - 1), &first, &answers, &text);
    let text = format!("refused 300 [] wrapper 300: more than {} bytes in all", len(&first));
    check_within(all(len(&first)), &first, &answers, &text);
}

#[test]
fn what_a_fetch_may_take_shrinks_with_what_is_left() {
    let limits = Limits {
        max_hop_bytes: 1_000,
        max_total_bytes: 1_100,
        first_hop_ms: 80,
        hop_ms: 40,
        total_ms: 100,
        ..Limits::default()
    };
    let options = Options { limits, macros: Macros::default() };
    let mut resolver = Resolver::new(Start::Url("https://a.example/0".into()), options);
    let mut seen = Vec::new();
    while let Need::Fetch(need) = resolver.step() {
        seen.push((need.timeout_ms, need.max_bytes));
        let next = format!("https://a.example/{}", seen.len());
        let body = format!("{}{}", wrapper(&next), " ".repeat(400));
        assert!((501..=600).contains(&body.len()));
        resolver.supply(Response {
            network: vec![NetworkHop {
                url: need.url.clone(),
                status: Some(200),
                remote_ip: None,
                tls: None,
                ms: 40,
                bytes: 0,
            }],
            final_url: None,
            content_type: None,
            cors: None,
            body: Ok(body.into_bytes()),
        });
    }
    assert_eq!(seen.iter().map(|(ms, _)| *ms).collect::<Vec<u32>>(), [80, 40, 20]);
    assert_eq!(seen.first().map(|(_, bytes)| *bytes), Some(1_000));
    assert!(seen.get(1).is_some_and(|(_, bytes)| *bytes < 600));
    assert!(seen.get(2).is_some_and(|(_, bytes)| *bytes < 100));
}

#[test]
fn time_is_bounded_in_all() {
    let (_, answers) = chain_of(2);
    let run = |total_ms| {
        let limits = Limits { total_ms, ..Limits::default() };
        let options = Options { limits, macros: Macros::default() };
        told(&resolve_in(Start::Url("https://a.example/1".into()), &answers, options, 50))
    };
    assert_eq!(run(100), "resolved - [end] wrapper > inline");
    assert_eq!(run(99), "refused 301 [] wrapper 301 > unread: more than 99 ms in all");
    assert_eq!(run(50), "refused 301 [] wrapper 301: more than 50 ms in all");
}

#[test]
fn every_hop_adds_its_trackers_and_the_nearest_companion_wins() {
    let outer = "<Error>e0</Error><Impression>i0</Impression><AdVerifications><Verification \
        vendor=\"v0\"><TrackingEvents><Tracking event=\"verificationNotExecuted\">n0</Tracking>\
        </TrackingEvents></Verification></AdVerifications><Creatives><Creative><Linear>\
        <TrackingEvents><Tracking event=\"start\">s0</Tracking></TrackingEvents><VideoClicks>\
        <ClickThrough>t0</ClickThrough><ClickTracking>c0</ClickTracking></VideoClicks><Icons><Icon>\
        <IconViewTracking>w0</IconViewTracking></Icon></Icons></Linear></Creative><Creative>\
        <CompanionAds><Companion><StaticResource>r</StaticResource><TrackingEvents>\
        <Tracking event=\"creativeView\">m0</Tracking></TrackingEvents></Companion></CompanionAds>\
        </Creative></Creatives><Extensions><Extension><Impression>x</Impression></Extension>\
        </Extensions>";
    let inner = "<VAST version=\"4.2\"><Ad id=\"7\"><InLine><AdTitle>t</AdTitle>\
        <Impression><![CDATA[ i1 ]]></Impression><Creatives><Creative><Linear skipoffset=\"00:00:05\">\
        <Duration>00:00:15</Duration><TrackingEvents><Tracking event=\"progress\" \
        offset=\"00:00:03\">p1</Tracking><Tracking event=\"complete\"></Tracking></TrackingEvents>\
        <MediaFiles><MediaFile type=\"video/mp4\" width=\"640\" height=\"x\">f</MediaFile>\
        </MediaFiles></Linear></Creative><Creative><CompanionAds><Companion><HTMLResource>r\
        </HTMLResource><CompanionClickTracking>k1</CompanionClickTracking></Companion>\
        </CompanionAds></Creative></Creatives></InLine></Ad></VAST>";
    let answers = answers([("https://a.example/1", inner)]);
    let chain =
        resolve(&wrapper_with("", outer, "https://a.example/1"), &answers, Limits::default());
    let ad = chain.ads.first().unwrap();
    let trackers: Vec<String> = ad
        .trackers
        .iter()
        .map(|t| format!("{}:{}:{}:{}", t.hop, t.position, t.event, t.url))
        .collect();
    assert_eq!(
        trackers,
        [
            "0:1:error:e0",
            "0:2:impression:i0",
            "0:3:verificationNotExecuted:n0",
            "0:4:start:s0",
            "0:5:clickTracking:c0",
            "0:6:icon.view:w0",
            "1:1:impression:i1",
            "1:2:progress@00:00:03:p1",
            "1:3:companion.clickTracking:k1",
        ]
    );
    let creative = &ad.creative;
    assert_eq!(creative.click_through.as_deref(), Some("t0"));
    assert_eq!(creative.duration_ms, Some(15_000));
    assert_eq!(creative.skip_offset.as_deref(), Some("00:00:05"));
    assert_eq!(creative.ad_id.as_deref(), Some("7"));
    assert_eq!(creative.companions, 1);
    assert_eq!(creative.verification_vendors, ["v0".into()]);
    let file = creative.media_files.first().unwrap();
    assert_eq!((file.width, file.height), (Some(640), None));
}

#[test]
fn trackers_are_bounded_and_what_is_left_out_is_counted() {
    let more = "<Impression>a</Impression><Impression>b</Impression>";
    let answers = answers([("https://a.example/1", &inline("one"))]);
    for (max_trackers, listed, left_out) in [(2, 2, 0), (1, 1, 1)] {
        let limits = Limits { max_trackers, ..Limits::default() };
        let chain = resolve(&wrapper_with("", more, "https://a.example/1"), &answers, limits);
        let found = chain.ads.first().map(|ad| ad.trackers.len());
        assert_eq!((found, chain.trackers_left_out), (Some(listed), left_out));
    }
}

#[test]
fn the_same_answers_give_the_same_chain() {
    let (first, answers) = chain_of(6);
    let run = || resolve(&first, &answers, Limits::default());
    assert_eq!(run(), run());
}

#[test]
fn an_unasked_answer_changes_nothing() {
    let mut resolver = Resolver::new(Start::Document(inline("x").into_bytes()), Options::default());
    resolver.supply(Response {
        network: Vec::new(),
        final_url: None,
        content_type: None,
        cors: None,
        body: Ok(inline("y").into_bytes()),
    });
    assert_eq!(told(&resolver.finish()), "resolved - [x] inline");
}
