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
