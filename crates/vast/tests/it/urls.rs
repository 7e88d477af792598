//! URLs of every kind, with what is said of them.

use adproof_vast::{Options, fix, lint};

/// The document that holds a tracker.
fn tracker(url: &str) -> String {
    format!("<VAST version=\"4.2\"><Error><![CDATA[{url}]]></Error></VAST>")
}

fn rules_of(document: &str) -> Vec<&'static str> {
    let report = lint(document.as_bytes(), &Options::default());
    report.findings.iter().map(|finding| finding.rule).collect()
}

#[track_caller]
fn check(url: &str, expect: &[&str]) {
    // What an error URL must have is not what is asked here.
    let mut rules = rules_of(&tracker(url));
    rules.retain(|rule| *rule != "error-url-without-code");
    assert_eq!(rules, expect, "{url}");
}

#[test]
fn urls_that_everybody_requests_pass() {
    for url in [
        "https://track.example.com",
        "https://track.example.com/",
        "https://track.example.com:443/e?c=[ERRORCODE]",
        "https://track.example.com/e;a=1,b=2?c=[ERRORCODE]&d=%20&e='x'&f=(1)*!~",
        "https://a-b.c-d.example.com/x?u=https://other.example.com/?y=1",
        "https://track.example.com/?ids[0]=1&ids[1]=2",
        "https://track.example.com/?m=[SITE_ID",
        "[ASSETURI]",
        "[ERRORCODE]/x",
        "%%VIEW_URL%%",
    ] {
        let rules = rules_of(&tracker(url));
        let known = ["error-url-without-code", "macro-of-server", "macro-unknown"];
        assert!(rules.iter().all(|rule| known.contains(rule)), "{url}: {rules:?}");
    }
}

#[test]
fn hosts_are_told_apart() {
    for (url, expect) in [
        ("https://", "url-without-host"),
        ("https:///e", "url-without-host"),
        ("https://?e", "url-without-host"),
        ("https://:443/e", "url-without-host"),
        ("https://user@/e", "url-with-credentials"),
        ("https://a..example.com/e", "url-host-malformed"),
        ("https://.example.com/e", "url-host-malformed"),
        ("https://-a.example.com/e", "url-host-malformed"),
        ("https://[::zz]/e", "url-host-malformed"),
        ("https://example.com:abc/e", "url-port-invalid"),
        ("https://example.com:0/e", "url-port-invalid"),
        ("https://example.com:65536/e", "url-port-invalid"),
        ("https://example.com:8443/e", "url-port-unusual"),
        ("https://[2001:db8::1]/e", "url-host-is-address"),
        ("https://198.51.100.9/e", "url-host-is-address"),
        ("https://http://example.com/e", "url-with-two-schemes"),
        ("https://https//example.com/e", "url-with-two-schemes"),
        ("https://exаmple.com/e", "url-host-mixed-scripts"),
        ("https://xn--exmple-4nf.com/e", "url-host-mixed-scripts"),
        ("https://xn--zhlen-gra.example.com/e", "url-host-punycode"),
        ("https://ein_host.example.com/e", "url-host-underscore"),
        ("https://[DOMAIN]/e", "macro-in-host"),
    ] {
        let rules = rules_of(&tracker(url));
        assert!(rules.contains(&expect), "{url}: {rules:?}");
    }
}

#[test]
fn schemes_are_told_apart() {
    for (url, expect) in [
        ("HTTP://example.com/e", &["url-http-tracker", "url-scheme-in-capitals"][..]),
        ("https:/example.com/e", &["url-invalid"]),
        ("https:example.com", &["url-invalid"]),
        ("//example.com/e", &["url-without-scheme"]),
        ("/e", &["url-relative"]),
        ("../e", &["url-relative"]),
        ("www.example.com/e", &["url-invalid"]),
        ("example.com:443/e", &["url-invalid"]),
        ("ftp://example.com/e", &["url-invalid"]),
        ("htttps://example.com/e", &["url-scheme-misspelt"]),
        ("TODO", &["url-placeholder"]),
        ("null", &["url-placeholder"]),
        ("about:blank", &["url-about-blank"]),
    ] {
        let mut rules = rules_of(&tracker(url));
        rules.retain(|rule| *rule != "error-url-without-code");
        rules.sort_unstable();
        assert_eq!(rules, expect, "{url}");
    }
}

#[test]
fn characters_are_told_apart() {
    check("https://example.com/\\e", &["url-with-backslash"]);
    check("https://example.com/e?x=50%", &["url-escape-broken"]);
    check("https://example.com/e?x=%é", &["url-escape-broken", "url-not-ascii"]);
    check("https://example.com/e?x=%2", &["url-escape-broken"]);
    check("https://example.com/e?x=a|b^c", &["url-character-not-encoded"]);
    check("https://example.com/e#x", &["url-with-fragment"]);
    check("https://example.com/a b", &["url-with-space"]);
    check("https://example.com/a\n  b", &["url-with-line-break"]);
    check("https://example.com/a https://example.org/b", &["url-several"]);
    check("<img src='https://example.com/a'>", &["url-with-markup"]);
    for url in ["\"https://example.com/a\"", "'https://example.com/a'", "“https://example.com/a”"]
    {
        check(url, &["url-in-quotes"]);
    }
}

#[test]
fn two_sections_with_a_url_each_are_two_urls() {
    let text = "<VAST version=\"4.2\"><Error><![CDATA[https://a.example/?c=[ERRORCODE]]]><![CDATA[https://b.example/?c=[ERRORCODE]]]></Error></VAST>";
    assert_eq!(rules_of(text), ["url-several"]);
}

#[test]
fn a_fix_leaves_what_has_more_than_one_right_form() {
    for (url, expect) in [
        ("HTTPS://example.com\\e?c=[errorcode]", "https://example.com/e?c=[ERRORCODE]"),
        ("https://example.com/a\r\nb?c=[[ERRORCODE]]", "https://example.com/ab?c=[ERRORCODE]"),
        ("“https://example.com/?c=[ERRORCODE]”", "https://example.com/?c=[ERRORCODE]"),
        (
            "https://example.com/?c=%5BERRORCODE%5D&d=%5bIFA%5d&e=%5BMINE%5D",
            "https://example.com/?c=[ERRORCODE]&d=[IFA]&e=%5BMINE%5D",
        ),
        // Mended, these would close their section.
        ("https://example.com/?c=%5BERRORCODE%5D]>", "https://example.com/?c=%5BERRORCODE%5D]>"),
        ("https://example.com/?c=[ERRORCODE]\n]>", "https://example.com/?c=[ERRORCODE]\n]>"),
        // A space may belong to the URL.
        ("https://example.com/a\n b?c=[ERRORCODE]", "https://example.com/a\n b?c=[ERRORCODE]"),
        // Which host is meant depends on the player.
        (
            "https://example.com\\@example.org/?c=[ERRORCODE]",
            "https://example.com\\@example.org/?c=[ERRORCODE]",
        ),
        ("https://example.com/?c=[ERRORCODE]&p=a\\b", "https://example.com/?c=[ERRORCODE]&p=a\\b"),
    ] {
        let fixed = fix(tracker(url).as_bytes(), &Options::default());
        assert_eq!(String::from_utf8(fixed.bytes).unwrap(), tracker(expect));
    }
}

#[test]
fn a_url_of_a_megabyte_is_judged_once() {
    for piece in
        ["[", "[[", "%5B", "%", "]", "${", "{{", "%%", "a ", "\\", "#", "é", "[A]", "@", ":", "."]
    {
        let url = format!("https://example.com/{}", piece.repeat(1 << 20 >> piece.len().ilog2()));
        let _ = rules_of(&tracker(&url));
        let host = format!("https://{}/", piece.repeat(1 << 18));
        let _ = rules_of(&tracker(&host));
    }
}
