//! Extensions whose payload has a standard, and those that are a vendor's own.

use std::fmt::Write as _;

use adproof_vast::{Options, fix, lint};

fn rules_of(tag: &str) -> Vec<&'static str> {
    let report = lint(tag.as_bytes(), &Options::default());
    report.findings.iter().map(|finding| finding.rule).collect()
}

/// A tag of VAST 2.0 with an overlay, and these extensions.
fn overlay(extensions: &str) -> String {
    format!(
        r#"<VAST version="2.0"><Ad id="a1"><InLine><AdSystem>Example</AdSystem>
<AdTitle>Shoes, pause ad</AdTitle><Impression><![CDATA[https://track.example.com/i]]></Impression>
<Creatives><Creative id="c1"><NonLinearAds><NonLinear width="1920" height="1080">
<StaticResource creativeType="image/jpeg"><![CDATA[https://cdn.example.com/pause.jpg]]></StaticResource>
</NonLinear></NonLinearAds></Creative></Creatives>
<Extensions>{extensions}</Extensions></InLine></Ad></VAST>"#
    )
}

#[test]
fn a_ctv_format_of_vast_2_is_read_to_its_depth() {
    let whole = r#"<Extension type="ctv_ad_portfolio"><CreativeId>c1</CreativeId>
<plcmt>5</plcmt><pos>7</pos><playbackmethod>9</playbackmethod><attr>19</attr><attr>22</attr>
<Duration>00:00:30</Duration>
<MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="1920" height="1080" bitrate="8000" codec="avc1.64001f"><![CDATA[https://cdn.example.com/pause.mp4]]></MediaFile></MediaFiles>
<TrackingEvents><Tracking event="overlayViewDuration"><![CDATA[https://track.example.com/v]]></Tracking></TrackingEvents>
<CreativeExtensions><CreativeExtension type="tl_qrcode">
<QrCodeScanUrl><![CDATA[https://shoes.example.com/qr]]></QrCodeScanUrl>
<QrCodePosition xPosition="10.0%" yPosition="10.0%"/><QrCodeSize size="15.0%"/>
</CreativeExtension></CreativeExtensions></Extension>"#;
    assert_eq!(rules_of(&overlay(whole)), [""; 0]);
    for (good, bad, rule) in [
        ("<pos>7</pos>", "<pos>12</pos>", "adcom-pos-contradicts-plcmt"),
        ("<attr>22</attr>", "<attr>moving</attr>", "adcom-not-a-number"),
        ("type=\"video/mp4\"", "type=\"banana\"", "mediafile-type-invalid"),
        ("https://cdn.example.com/pause.mp4", "javascript:run()", "url-scheme-dangerous"),
        ("00:00:30", "30", "duration-format"),
        ("size=\"15.0%\"", "size=\"288\"", "qr-size-not-percent"),
        (">c1<", ">c2<", "portfolio-creativeid-unmatched"),
    ] {
        let tag = overlay(&whole.replacen(good, bad, 1));
        assert_eq!(rules_of(&tag), [rule], "{bad}");
    }
}

#[test]
fn payloads_of_vendors_are_their_own() {
    for extension in [
        "<Extension><MediaFile/><plcmt>x</plcmt></Extension>",
        r#"<Extension type="example"><Mezzanine/><UniversalAdId/></Extension>"#,
        r#"<Extension type="Mezzanine" xmlns="https://example.com/ns"><Mezzanine/></Extension>"#,
        r#"<Extension type="ctv_ad_portfolio_beta"><MediaFiles><MediaFile/></MediaFiles></Extension>"#,
        r#"<Extension type="waterfall" fallback_index="0"/>"#,
    ] {
        assert_eq!(rules_of(&overlay(extension)), [""; 0], "{extension}");
    }
    // The element is theirs, too, where its namespace is.
    let foreign = r#"<Extension type="Mezzanine" xmlns:x="https://example.com/ns"><x:Mezzanine width="a"/></Extension>"#;
    assert_eq!(rules_of(&overlay(foreign)), ["ctv-extension-payload"]);
}

#[test]
fn thousands_of_extensions_do_not_cost_their_square() {
    let mut many = String::new();
    for number in 0..20_000 {
        let _ = write!(
            many,
            r#"<Extension type="Mezzanine"><Mezzanine mediaFileId="{number}"/></Extension>"#
        );
    }
    let mut tag = overlay(&many);
    let impressions = "<Impression/>".repeat(60_000);
    let creatives = r#"<Creative id="c"/>"#.repeat(20_000);
    tag = tag.replacen("<Creatives>", &format!("{impressions}<Creatives>{creatives}"), 1);
    // The square of these would take minutes, and the test would not end.
    let report = lint(tag.as_bytes(), &Options::default());
    assert!(!report.findings.is_empty());
}

#[test]
fn thousands_of_files_do_not_cost_their_square() {
    let file = r#"<MediaFile delivery="progressive" type="video/mp4" width="1" height="1" fileSize="9999"><![CDATA[https://cdn.example.com/30.mp4]]></MediaFile>"#;
    let simid = r#"<InteractiveCreativeFile type="text/html" apiFramework="SIMID"/>"#;
    let files = format!("<MediaFiles>{}{simid}</MediaFiles>", file.repeat(20));
    let linear = format!("<Linear>{}{}</Linear>", "<Icons/>".repeat(50_000), files.repeat(400));
    let tag = overlay("").replacen("<NonLinearAds>", &format!("{linear}<NonLinearAds>"), 1);
    // The square of these would take minutes, and the test would not end.
    let report = lint(tag.as_bytes(), &Options::default());
    assert!(!report.findings.is_empty());
}

#[test]
fn a_simid_file_without_a_type_is_given_one() {
    let frame = |attributes: &str| {
        overlay("").replacen(
            r#"<StaticResource creativeType="image/jpeg">"#,
            &format!("<IFrameResource{attributes} apiFramework=\"SIMID\">"),
            1,
        )
    };
    let close = |tag: String| tag.replacen("</StaticResource>", "</IFrameResource>", 1);
    let bad = close(frame(""));
    assert_eq!(rules_of(&bad), ["simid-iframe-type-not-html"]);
    let mended = fix(bad.as_bytes(), &Options::default());
    let good = close(frame(r#" type="text/html""#));
    assert_eq!(String::from_utf8(mended.bytes).unwrap(), good);
    assert_eq!(rules_of(&good), [""; 0]);
}
