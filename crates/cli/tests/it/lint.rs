//! `adproof lint` and `adproof rules`.

use std::fs;
use std::path::Path;

use crate::run::{adproof, adproof_with_stdin, command, dataset, finish};

fn tags() -> String {
    dataset("tags").display().to_string()
}

fn copy(name: &str, folder: &Path) -> String {
    let to = folder.join(name);
    fs::copy(dataset("tags").join(name), &to).unwrap();
    to.display().to_string()
}

/// Runs inside the folder of tags, so that output holds no path of this machine.
fn in_tags(args: &[&str]) -> crate::run::Ran {
    let mut command = command(args);
    command.current_dir(dataset("tags"));
    finish(command)
}

#[test]
fn the_table_points_at_the_fault_and_fits_a_terminal() {
    let ran = in_tags(&["lint", "creative-broken.xml", "risky-url.xml"]).exits(1);
    assert!(!ran.stdout.contains('\u{1b}'), "no colour off a terminal");
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_tag_in_another_encoding_shows_its_own_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read(dataset("tags/utf16-title.xml")).unwrap();
    let units: Vec<u16> =
        text[2..].as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    let broken = String::from_utf16(&units).unwrap().replace("00:00:20", "20 秒");
    let bytes: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(broken.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    fs::write(folder.path().join("tag.xml"), bytes).unwrap();
    let mut command = command(&["lint", "tag.xml"]);
    command.current_dir(folder.path());
    let ran = finish(command).exits(1);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn the_json_says_where_and_by_which_rules() {
    let ran =
        in_tags(&["lint", "broken-no-media.xml", "no-ad.xml", "--output-format", "json"]).exits(1);
    let json = ran.json();
    assert_eq!(json["schema"], "adproof.lint/1");
    assert_eq!(json["summary"], serde_json::json!({"error": 1, "warning": 0, "info": 0}));
    let document = &json["documents"][0];
    assert_eq!(document["path"], "broken-no-media.xml");
    assert_eq!(document["kind"], "VAST");
    assert_eq!(document["version"], serde_json::json!({"declared": "3.0", "effective": "3.0"}));
    assert_eq!(document["outcome"], "findings");
    let finding = &document["findings"][0];
    assert_eq!(finding["rule"], "linear-without-mediafiles");
    let text = fs::read_to_string(dataset("tags/broken-no-media.xml")).unwrap();
    let at = text.find("<Linear").unwrap() + 1;
    let line = text[..at].matches('\n').count() + 1;
    let column = at - text[..at].rfind('\n').unwrap();
    assert_eq!(
        finding["span"],
        serde_json::json!({"start": at, "end": at + 6, "line": line, "column": column})
    );
    assert_eq!(json["documents"][1]["outcome"], "clean");
}

#[test]
fn one_line_a_document_and_sarif() {
    let lines =
        in_tags(&["lint", "no-ad.xml", "risky-url.xml", "--output-format", "ndjson"]).exits(1);
    assert_eq!(lines.stdout.lines().count(), 2);
    let sarif = in_tags(&["lint", "risky-url.xml", "--output-format", "sarif"]).exits(1).json();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    assert_eq!(result["ruleId"], "url-with-credentials");
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "url-with-credentials");
    assert_eq!(result["level"], "warning");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "risky-url.xml"
    );
}

#[test]
fn a_folder_is_judged_as_a_whole() {
    let json = adproof(&["lint", &tags(), "--output-format", "json"]).exits(1).json();
    assert_eq!(json["documents"].as_array().unwrap().len(), 30);
    let bad: Vec<&str> = json["documents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|document| {
            document["findings"]
                .as_array()
                .unwrap()
                .iter()
                .any(|finding| finding["severity"] == "error")
        })
        .map(|document| document["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(bad, ["broken-no-media.xml", "creative-broken.xml", "risky-url.xml"]);
}

#[test]
fn standard_input_and_selectors() {
    let tag = fs::read(dataset("tags/risky-url.xml")).unwrap();
    adproof_with_stdin(&["lint", "-", "--ignore", "risk"], &tag).exits(0);
    adproof_with_stdin(&["lint", "-", "--select", "url-host-*"], &tag).exits(1);
    let quiet =
        adproof_with_stdin(&["lint", "-", "--select", "url-http", "--severity", "warning"], &tag)
            .exits(0);
    assert_eq!(quiet.stdout, "1 document, no finding\n");
    adproof_with_stdin(&["lint", "-", "--select", "nope"], &tag)
        .exits(2)
        .says(&["no rule is named `nope`", "adproof rules"]);
}

#[test]
fn settings_are_found_upward_and_the_command_line_wins() {
    let folder = tempfile::tempdir().unwrap();
    copy("risky-url.xml", folder.path());
    fs::write(folder.path().join("adproof.toml"), "[lint]\nignore = [\"risk\"]\n").unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let run = |args: &[&str]| {
        let mut command = command(args);
        command.current_dir(&inner);
        finish(command)
    };
    run(&["lint", "../risky-url.xml"]).exits(0);
    run(&["lint", "../risky-url.xml", "--ignore", "url-http"]).exits(1);
}

#[test]
fn fixing_writes_in_place_once_and_keeps_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy("double-encoded-trackers.xml", folder.path());
    let before = fs::read(&path).unwrap();
    let dry = adproof(&["lint", &path, "--fix-dry-run"]).exits(0).says(&["would mend 8 findings"]);
    assert!(dry.stdout.contains("+              <ClickThrough id=\"sofa-30\"><![CDATA[https://shop.example.com/sofa-30?from=tv&cut=30]]></ClickThrough>"));
    assert_eq!(fs::read(&path).unwrap(), before);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    }
    adproof(&["lint", &path, "--fix"]).exits(0).says(&["mended 8 findings in 1 file"]);
    let after = fs::read(&path).unwrap();
    assert!(!String::from_utf8(after.clone()).unwrap().contains("&amp;"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
    let again = adproof(&["lint", &path, "--fix"]).exits(0);
    assert_eq!(again.stderr, "");
    assert_eq!(fs::read(&path).unwrap(), after);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    adproof(&["lint", &at("none.xml")]).exits(2).says(&["does not exist", "none.xml", "to do"]);
    adproof_with_stdin(&["lint", "-", "--fix"], b"<VAST/>")
        .exits(2)
        .says(&["standard input cannot be mended"]);
    adproof(&["lint", &tags(), "--output-format", "csv"])
        .exits(2)
        .says(&["no output format `csv`", "sarif"]);
    fs::write(at("page.xml"), "<!doctype html><html></html>").unwrap();
    let html = adproof(&["lint", &at("page.xml")]).exits(1);
    assert!(html.stdout.contains("this is an HTML page"), "{}", html.stdout);
    fs::write(at("big.xml"), format!("<VAST version=\"4.2\">{}</VAST>", " ".repeat(5 << 20)))
        .unwrap();
    let big = adproof(&["lint", &at("big.xml")]).exits(1);
    assert!(big.stdout.contains("limit-document-bytes"), "{}", big.stdout);
}

#[test]
fn a_bad_tag_of_2_7_megabytes_gives_less_than_one_of_json() {
    let mut text = String::from("<VAST version=\"4.2\">");
    while text.len() < 2_700_000 {
        text.push_str(
            "<Ad><InLine><Impression>http://10.0.0.1/?a=1&amp;b=2&amp;c=3&amp;d=4&amp;e=5&amp;f=[nope] x</Impression><Nope/><Creatives><Creative><Linear skipoffset='x'><mediafiles a='b'><MediaFile type='banana'><![CDATA[//x/&amp;&amp;&amp;&amp;&amp;&amp;&amp;&amp;]]></MediaFile></mediafiles></Linear></Creative></Creatives></InLine></Ad>",
        );
    }
    text.push_str("</VAST>");
    let ran =
        adproof_with_stdin(&["lint", "-", "--output-format", "json"], text.as_bytes()).exits(1);
    assert!(ran.stdout.len() < 1_000_000, "{}", ran.stdout.len());
    let json = ran.json();
    assert!(
        json["documents"][0]["truncated"]
            .as_object()
            .unwrap()
            .values()
            .all(|count| count.as_u64().unwrap() > 0)
    );
    let sarif =
        adproof_with_stdin(&["lint", "-", "--output-format", "sarif"], text.as_bytes()).exits(1);
    assert!(sarif.stdout.len() < 1_500_000, "{}", sarif.stdout.len());
}

#[test]
fn rules_are_listed_and_explained() {
    let list = adproof(&["rules"]).exits(0);
    assert!(list.stdout.lines().all(|line| line.len() <= 80));
    assert!(list.stdout.contains("url-double-encoded"));
    let json = adproof(&["rules", "--output-format", "json"]).exits(0).json();
    assert_eq!(json["schema"], "adproof.rules/1");
    assert!(json["rules"].as_array().unwrap().len() >= 80);
    insta::assert_snapshot!(adproof(&["rules", "url-double-encoded"]).exits(0).stdout);
    adproof(&["rules", "url-double-encoding"])
        .exits(2)
        .says(&["no rule is named", "did you mean `url-double-encoded`"]);
}
