//! Faults that other validators let pass, each with the finding that it gets here.

use adproof_vast::{Options, lint};

/// The rules that speak of a media file, written as its attributes and its URL.
fn of_file(attributes: &str, url: &str) -> Vec<&'static str> {
    of_files(&format!("<MediaFile {attributes}><![CDATA[{url}]]></MediaFile>"))
}

/// The rules that speak of what stands in `MediaFiles` of an ad that is good otherwise.
fn of_files(files: &str) -> Vec<&'static str> {
    let tag = format!(
        r#"<VAST version="4.2"><Ad id="a1"><InLine><AdSystem>Example</AdSystem>
<AdTitle>Shoes, autumn</AdTitle><AdServingId>example-7f2c</AdServingId>
<Impression><![CDATA[https://track.example.com/i]]></Impression><Creatives><Creative id="c1">
<UniversalAdId idRegistry="ad-id.org">ABCD1234567H</UniversalAdId><Linear>
<Duration>00:00:30</Duration><MediaFiles>{files}
<MediaFile delivery="progressive" type="video/mp4" width="640" height="360"><![CDATA[https://cdn.example.com/30-360.mp4]]></MediaFile>
</MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>"#
    );
    let report = lint(tag.as_bytes(), &Options::default());
    report.findings.iter().map(|finding| finding.rule).collect()
}

const HD: &str = r#"delivery="progressive" type="video/mp4" width="1920" height="1080""#;
const MP4: &str = "https://cdn.example.com/30.mp4";

#[test]
fn a_good_file_passes() {
    assert_eq!(of_file(HD, MP4), [""; 0]);
}

#[test]
fn a_media_type_that_is_none() {
    for kind in ["banana", "banana/mp4", "video/", ""] {
        let attributes =
            format!(r#"delivery="progressive" type="{kind}" width="1920" height="1080""#);
        assert_eq!(of_file(&attributes, MP4), ["mediafile-type-invalid"], "{kind}");
    }
}

#[test]
fn a_width_that_is_negative() {
    let attributes = r#"delivery="progressive" type="video/mp4" width="-1920" height="1080""#;
    assert_eq!(of_file(attributes, MP4), ["mediafile-dimensions-invalid"]);
}

#[test]
fn a_width_that_is_no_number() {
    for width in ["wide", "100%", "1920px", "19.2", "", "+1920", "0x780"] {
        let attributes =
            format!(r#"delivery="progressive" type="video/mp4" width="{width}" height="1080""#);
        assert_eq!(of_file(&attributes, MP4), ["mediafile-dimensions-invalid"], "{width}");
    }
}

#[test]
fn a_playlist_that_is_marked_as_a_download() {
    for kind in ["application/x-mpegURL", "application/vnd.apple.mpegurl", "audio/mpegurl"] {
        let attributes =
            format!(r#"delivery="progressive" type="{kind}" width="1920" height="1080""#);
        let url = "https://cdn.example.com/30.m3u8";
        assert_eq!(of_file(&attributes, url), ["hls-marked-progressive"], "{kind}");
    }
    let dash = r#"delivery="progressive" type="application/dash+xml" width="1920" height="1080""#;
    assert_eq!(of_file(dash, "https://cdn.example.com/30.mpd"), ["dash-marked-progressive"]);
}

#[test]
fn a_codec_that_nobody_knows() {
    for codec in ["banana", "video/3gpp", "0", "none"] {
        let attributes = format!(r#"{HD} codec="{codec}""#);
        assert_eq!(of_file(&attributes, MP4), ["mediafile-codec-unknown"], "{codec}");
    }
    for codec in ["avc1.64001f", "avc1.42E01E, mp4a.40.2", "H.264", "hvc1.1.6.L93.B0", "[CODEC]"] {
        let attributes = format!(r#"{HD} codec="{codec}""#);
        assert_eq!(of_file(&attributes, MP4), [""; 0], "{codec}");
    }
}

#[test]
fn a_type_that_contradicts_the_ending_of_the_file() {
    for url in [
        "https://cdn.example.com/30.webm",
        "https://cdn.example.com/30.m3u8?x=.mp4",
        "https://cdn.example.com/unit.js#30.mp4",
        "https://cdn.example.com/30.JPG",
    ] {
        assert_eq!(of_file(HD, url), ["mediafile-type-contradicts-ending"], "{url}");
    }
    for url in ["https://cdn.example.com/30", "https://cdn.example.com/v2.1/30", "[ASSETURI]"] {
        assert_eq!(of_file(HD, url), [""; 0], "{url}");
    }
}

#[test]
fn the_same_file_twice() {
    let file = format!("<MediaFile {HD}><![CDATA[{MP4}]]></MediaFile>");
    assert_eq!(of_files(&format!("{file}{file}")), ["mediafile-duplicate"]);
    let other = file.replace("30.mp4", "31.mp4");
    assert_eq!(of_files(&format!("{file}{other}")), ["mediafiles-same-rendition"]);
}

#[test]
fn bit_rates_of_another_unit() {
    for (rate, rule) in [
        ("2500000", "mediafile-bitrate-in-bits"),
        ("3", "mediafile-bitrate-in-megabits"),
        ("0", "mediafile-bitrate-zero"),
        ("2.5", "mediafile-bitrate-invalid"),
        ("-1", "mediafile-bitrate-invalid"),
    ] {
        assert_eq!(of_file(&format!(r#"{HD} bitrate="{rate}""#), MP4), [rule], "{rate}");
    }
    assert_eq!(of_file(&format!(r#"{HD} bitrate="2500""#), MP4), [""; 0]);
}

/// The rules that speak of a wrapper's next tag, written as its URL.
fn of_tag(url: &str) -> Vec<&'static str> {
    let tag = format!(
        r#"<VAST version="4.2"><Ad id="a1"><Wrapper><AdSystem>Example</AdSystem>
<Impression><![CDATA[https://track.example.com/i]]></Impression>
<VASTAdTagURI><![CDATA[{url}]]></VASTAdTagURI></Wrapper></Ad></VAST>"#
    );
    rules_of(&tag)
}

fn rules_of(tag: &str) -> Vec<&'static str> {
    let report = lint(tag.as_bytes(), &Options::default());
    report.findings.iter().map(|finding| finding.rule).collect()
}

/// An inline ad with these ads' attributes, elements before its creatives, and attributes of `Linear`.
fn inline(ad: &str, before: &str, id: &str, linear: &str) -> String {
    format!(
        r#"<Ad {ad}><InLine><AdSystem>Example</AdSystem><AdTitle>Shoes, autumn</AdTitle>
<AdServingId>{ad}</AdServingId><Impression><![CDATA[https://track.example.com/i]]></Impression>
{before}<Creatives><Creative id="c1"><UniversalAdId idRegistry="ad-id.org">{id}</UniversalAdId>
<Linear{linear}><Duration>00:00:30</Duration><MediaFiles>
<MediaFile {HD}><![CDATA[{MP4}]]></MediaFile>
</MediaFiles></Linear></Creative></Creatives></InLine></Ad>"#
    )
    .replace("<AdServingId>id=", "<AdServingId>")
    .replace('"', "'")
}

fn of_ads(ads: &[String]) -> Vec<&'static str> {
    rules_of(&format!("<VAST version='4.2'>{}</VAST>", ads.concat()))
}

#[test]
fn a_good_ad_passes() {
    assert_eq!(of_ads(&[inline("id='a1'", "", "ABCD1234567H", "")]), [""; 0]);
    assert_eq!(of_tag("https://ads.example.com/vast?x=[CACHEBUSTING]"), [""; 0]);
}

#[test]
fn a_tag_that_runs_code_or_reads_files() {
    for url in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "file:///etc/passwd",
        "data:text/xml,<VAST/>",
        "blob:https://ads.example.com/1",
        "vbscript:x",
    ] {
        assert!(of_tag(url).contains(&"url-scheme-dangerous"), "{url}: {:?}", of_tag(url));
    }
}

#[test]
fn a_url_with_a_password() {
    assert_eq!(of_tag("https://user:secret@ads.example.com/vast"), ["url-with-credentials"]);
    assert_eq!(of_tag("https://user@ads.example.com/vast"), ["url-with-credentials"]);
}

#[test]
fn a_host_that_is_the_viewers_own() {
    for host in [
        "localhost",
        "localhost:8080",
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "[::1]",
        "169.254.169.254",
        "[fe80::1]",
        "10.0.0.1",
        "[::ffff:127.0.0.1]",
    ] {
        let rules = of_tag(&format!("https://{host}/vast"));
        assert!(rules.contains(&"url-host-special"), "{host}: {rules:?}");
    }
}

#[test]
fn a_url_with_a_space() {
    assert_eq!(of_tag("https://ads.example.com/my vast"), ["url-with-space"]);
}

#[test]
fn places_in_a_pod_that_are_taken_or_zero() {
    let ad = |id: &str, sequence: &str| {
        inline(&format!("id='{id}' sequence='{sequence}'"), "", "ABCD1234567H", "")
    };
    let twice = of_ads(&[ad("a", "1"), ad("b", "1")]);
    assert!(twice.contains(&"sequence-duplicate"), "{twice:?}");
    let zero = of_ads(&[ad("a", "0"), ad("b", "1")]);
    assert!(zero.contains(&"sequence-zero"), "{zero:?}");
}

#[test]
fn a_price_that_is_no_number() {
    let price = "<Pricing model='cpm' currency='EUR'>abc</Pricing>";
    let rules = of_ads(&[inline("id='a1'", price, "ABCD1234567H", "")]);
    assert_eq!(rules, ["pricing-not-a-number"]);
}

#[test]
fn a_skip_button_after_the_end() {
    let rules = of_ads(&[inline("id='a1'", "", "ABCD1234567H", " skipoffset='00:00:45'")]);
    assert_eq!(rules, ["skipoffset-beyond-duration"]);
}

#[test]
fn an_ad_id_that_is_none() {
    for id in ["ABCD", "1234ABCDEFG", "ABCD1234567HD", "ABCD 1234567"] {
        assert_eq!(of_ads(&[inline("id='a1'", "", id, "")]), ["ad-id-form"], "{id}");
    }
}

#[test]
fn another_namespace() {
    let tag = of_ads(&[inline("id='a1'", "", "ABCD1234567H", "")]);
    assert_eq!(tag, [""; 0]);
    let rules = rules_of(&format!(
        "<VAST version='4.2' xmlns='http://www.example.com/vast'>{}</VAST>",
        inline("id='a1'", "", "ABCD1234567H", "")
    ));
    assert_eq!(rules, ["wrong-namespace"]);
}
