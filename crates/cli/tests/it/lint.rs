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
fn long_lines_tabs_and_strange_characters_are_shown_within_the_terminal() {
    let long = "a".repeat(1_000_000);
    let tag = format!(
        "<VAST version=\"4.2\"><Ad><InLine><Impression><![CDATA[https://example.com/{long}?a=1&amp;b=2]]></Impression><Nope/>{long}</InLine></Ad></VAST>"
    );
    let strange = "<VAST version=\"4.2\">\n\t\t<Ad>\t<InLine>\t<Nope\ta=\"日本語\"/>\u{1b}[31m\u{85}\u{202e}\u{200b}\t日本<Nope/></InLine></Ad></VAST>";
    let folder = Folder::new(&[("long.xml", &tag), ("strange.xml", strange)]);
    let args =
        ["lint", "long.xml", "strange.xml", "--select", "url-double-encoded,unknown-element"];
    let ran = folder.run(&args).exits(1);
    let steers = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
    };
    assert!(!ran.stdout.contains(steers), "{:?}", ran.stdout);
    insta::assert_snapshot!(ran.stdout);
    let mut command = command(&args);
    command.current_dir(folder.0.path()).env("CLICOLOR_FORCE", "1");
    let coloured = finish(command).exits(1).stdout;
    assert!(coloured.contains("\u{1b}["), "colours where they are asked for");
    let mut command = crate::run::command(&args);
    command.current_dir(folder.0.path()).env("NO_COLOR", "1");
    assert_eq!(finish(command).stdout, ran.stdout);
}

#[test]
fn what_a_fix_makes_of_the_tag_is_shown() {
    let ran = in_tags(&["lint", "double-encoded-trackers.xml", "--severity", "warning"]).exits(0);
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stdout.split("\n\n").next().unwrap());
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
        serde_json::json!({
            "start": at, "end": at + 6, "line": line, "column": column,
            "end_line": line, "end_column": column + 6,
        })
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
fn annotations_and_test_reports_name_the_place() {
    let github = in_tags(&["lint", "risky-url.xml", "--output-format", "github"]).exits(1).stdout;
    let first = github.lines().next().unwrap();
    assert!(first.starts_with("::warning file=risky-url.xml,line="), "{first}");
    assert!(first.contains(",title=url-with-credentials::"), "{first}");
    let junit =
        in_tags(&["lint", "no-ad.xml", "broken-no-media.xml", "--output-format", "junit"]).exits(1);
    insta::assert_snapshot!(junit.stdout);
}

/// A folder with a broken tag, in which commands run.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn run(&self, args: &[&str]) -> crate::run::Ran {
        self.run_in("", args)
    }

    fn run_in(&self, inner: &str, args: &[&str]) -> crate::run::Ran {
        let mut command = command(args);
        command.current_dir(self.0.path().join(inner));
        finish(command)
    }
}

const BROKEN: &str = "<VAST version=\"4.2\">\n  <Nope/>\n  <Nope/>\n</VAST>\n";

#[test]
fn a_baseline_hides_what_is_known_and_nothing_else() {
    let folder = Folder::new(&[("tags/a.xml", BROKEN), ("tags/b.xml", BROKEN)]);
    folder.run(&["lint", "tags"]).exits(1);
    let ran = folder.run(&["lint", "tags", "--write-baseline", "known.json"]).exits(0);
    assert!(ran.stdout.starts_with("recorded "), "{}", ran.stdout);
    let first = folder.text("known.json");
    insta::assert_snapshot!(first);
    let ran = folder.run(&["lint", "tags", "--baseline", "known.json"]).exits(0);
    assert!(ran.stdout.contains("no finding"), "{}", ran.stdout);
    assert!(ran.stderr.contains("hidden by the baseline"), "{}", ran.stderr);
    // From elsewhere, and under another name for the same file, it is the same tag.
    folder.run_in("tags", &["lint", "./a.xml", "--baseline", "../known.json"]).exits(0);
    folder.run(&["lint", "tags", "--write-baseline", "known.json"]).exits(0);
    assert_eq!(folder.text("known.json"), first);
    // Lines move; the finding is the same.
    folder.write("tags/a.xml", &BROKEN.replace('\n', "\n\n"));
    folder.run(&["lint", "tags", "--baseline", "known.json"]).exits(0);
    folder.write("tags/a.xml", &BROKEN.replacen("<Nope/>", "<Nope/><Other/>", 1));
    let ran = folder.run(&["lint", "tags", "--baseline", "known.json"]).exits(1);
    assert!(ran.stdout.contains("Other") && !ran.stdout.contains("tags/b.xml"), "{}", ran.stdout);
    let sarif = folder
        .run(&["lint", "tags", "--baseline", "known.json", "--output-format", "sarif"])
        .exits(1)
        .json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let suppressed =
        |result: &&serde_json::Value| !result["suppressions"].as_array().unwrap().is_empty();
    assert_eq!(results.iter().filter(suppressed).count() + 1, results.len());
}

#[test]
fn a_baseline_says_what_is_stale_and_what_is_broken() {
    let folder = Folder::new(&[("a.xml", BROKEN), ("b.xml", BROKEN)]);
    folder.run(&["lint", ".", "--write-baseline", "known.json"]).exits(0);
    folder.write("a.xml", &BROKEN.replacen("<Nope/>", "", 1));
    fs::remove_file(folder.0.path().join("b.xml")).unwrap();
    let ran = folder.run(&["lint", ".", "--baseline", "known.json"]).exits(0);
    assert!(ran.stderr.contains("of the baseline are there no more"), "{}", ran.stderr);
    folder.write("known.json", "{\n<<<<<<< ours\n");
    folder.run(&["lint", ".", "--baseline", "known.json"]).exits(2).says(&[
        "the baseline cannot be read",
        "known.json:2",
        "--write-baseline",
    ]);
    folder.write("known.json", "{\"schema\": \"adproof.baseline/9\"}");
    folder
        .run(&["lint", ".", "--baseline", "known.json"])
        .exits(2)
        .says(&["adproof.baseline/9", "adproof.baseline/1"]);
    folder.run(&["lint", ".", "--baseline", "none.json"]).exits(2).says(&["does not exist"]);
}

#[test]
fn comments_silence_rules_and_their_number_is_said() {
    let tag = BROKEN.replacen("<Nope/>", "<!-- adproof-ignore spec: asked for --><Nope/>", 1);
    let folder = Folder::new(&[("a.xml", &tag)]);
    let count = |args: &[&str]| {
        let mut all = vec!["lint", "a.xml", "--output-format", "json"];
        all.extend(args);
        let json = folder.run(&all).json();
        let document = &json["documents"][0];
        let sum = document["suppressed"].as_object().unwrap().values().map(|n| n.as_u64().unwrap());
        (sum.sum::<u64>(), document["findings"].as_array().unwrap().len())
    };
    let (silenced, shown) = count(&[]);
    assert!(silenced > 0);
    let all = shown + usize::try_from(silenced).unwrap();
    assert_eq!(count(&["--no-suppressions"]), (0, all));
    let table = folder.run(&["lint", "a.xml"]).stdout;
    assert!(table.contains(&format!("; {silenced} suppressed by comments")), "{table}");
    let sarif = folder.run(&["lint", "a.xml", "--output-format", "sarif"]).json();
    assert_eq!(sarif["runs"][0]["properties"]["suppressed"].as_object().unwrap().len(), 1);
    folder.write("adproof.toml", "[lint]\nsuppressions = false\n");
    assert_eq!(count(&[]), (0, all));
}

#[test]
fn every_setting_may_stand_in_the_file() {
    let folder = Folder::new(&[("tags/a.xml", BROKEN), ("tags/old/b.xml", BROKEN)]);
    let clean = |settings: &str| {
        folder.write("adproof.toml", settings);
        folder.run(&["lint", "tags"]).code == 0
    };
    assert!(!clean(""));
    assert!(!clean("[lint.per-file-ignores]\n\"a.xml\" = [\"spec\"]\n"));
    assert!(clean("[lint.per-file-ignores]\n\"*.xml\" = [\"spec\"]\n"));
    assert!(clean("[lint.per-file-ignores]\n\"tags/**\" = [\"spec\"]\n"));
    assert!(!clean("[lint.per-file-ignores]\n\"tags/old/*\" = [\"spec\"]\n"));
    assert!(clean("[lint.per-file-ignores]\n\"tags/old/*\" = [\"spec\"]\n\"a.*\" = [\"spec\"]\n"));
    folder.write("adproof.toml", "[lint.limits]\nfindings-per-rule = 1\n");
    let json = folder.run(&["lint", "tags/a.xml", "--output-format", "json"]).json();
    assert_eq!(json["documents"][0]["truncated"], serde_json::json!({"unknown-element": 1}));
    folder.write("adproof.toml", "[lint]\noutput-format = \"github\"\n");
    assert!(folder.run(&["lint", "tags"]).stdout.starts_with("::error "));
    assert!(folder.run(&["lint", "tags", "--output-format", "json"]).stdout.starts_with('{'));
    folder.run(&["lint", "tags", "--write-baseline", "known.json"]).exits(0);
    folder.write("adproof.toml", "[lint]\nbaseline = \"known.json\"\n");
    folder.run_in("tags", &["lint", "."]).exits(0);
    folder.write("adproof.toml", "[lint]\nrules-url = \"https://rules.example.com\"\n");
    let sarif = folder.run(&["lint", "tags", "--output-format", "sarif"]).json();
    let help = sarif["runs"][0]["tool"]["driver"]["rules"][0]["helpUri"].as_str().unwrap();
    assert!(help.starts_with("https://rules.example.com/") && help.contains(".html"), "{help}");
    for (settings, texts) in [
        (
            "[lint]\nselect = [\"url-htp\"]\n",
            ["no rule is named `url-htp`", "did you mean `url-http`", "[lint] select"],
        ),
        (
            "[lint]\nenable = [\"nope\"]\n",
            ["no rule is named `nope`", "adproof rules", "[lint] enable"],
        ),
        (
            "[lint]\noutput-format = \"xml\"\n",
            ["no such output format", "github", "[lint] output-format"],
        ),
        (
            "[lint]\nrules-url = \"javascript:1\"\n",
            ["no http or https address", "ID.html", "[lint] rules-url"],
        ),
        (
            "[lint.per-file-ignores]\n\"a[\" = [\"spec\"]\n",
            ["the pattern `a[`", "adproof.toml", "per-file-ignores"],
        ),
        (
            "[lint.per-file-ignores]\n\"a\" = [\"spek\"]\n",
            ["no rule is named `spek`", "did you mean `spec`", "per-file-ignores"],
        ),
    ] {
        folder.write("adproof.toml", settings);
        folder.run(&["lint", "tags"]).exits(2).says(&texts);
    }
}

#[test]
fn what_cannot_be_read_does_not_stop_the_others() {
    let folder = Folder::new(&[("a.xml", BROKEN), ("b.xml", ""), ("c.xml", BROKEN), ("d.xml", "")]);
    let ran = folder.run(&["lint", ".", "--output-format", "json"]).exits(2);
    assert_eq!(ran.json()["documents"].as_array().unwrap().len(), 2);
    ran.says(&["the input is empty", "b.xml", "d.xml", "2 inputs could not be read"]);
    folder.run(&["lint", ".", "--write-baseline", "known.json"]).exits(2);
    assert!(!folder.0.path().join("known.json").exists());
}

#[test]
fn many_tags_are_one_report_in_order() {
    let folder = Folder::new(&[]);
    for at in 0..400 {
        // Tags of very different length, so that the short ones are ready early.
        let filler = "<!-- x -->".repeat(if at % 40 == 0 { 20_000 } else { 1 });
        folder.write(
            &format!("{at:03}.xml"),
            &format!("<VAST version=\"4.2\">{filler}<Nope/></VAST>"),
        );
    }
    let ran = folder.run(&["lint", ".", "--output-format", "json"]).exits(1);
    assert!(ran.stderr.contains("400 documents in "), "{}", ran.stderr);
    let json = ran.json();
    let names: Vec<&str> = json["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 400);
    assert!(names.is_sorted());
    let lines = folder.run(&["lint", ".", "--output-format", "ndjson", "-q"]).exits(1);
    assert_eq!((lines.stdout.lines().count(), lines.stderr.as_str()), (400, ""));
}

#[test]
fn rules_are_listed_and_explained() {
    let list = adproof(&["rules"]).exits(0);
    assert!(list.stdout.lines().all(|line| line.len() <= 80), "{}", list.stdout);
    assert!(list.stdout.contains("url-double-encoded"));
    insta::assert_snapshot!(adproof(&["rules", "url-double-encoded"]).exits(0).stdout);
    for rule in adproof_vast::rules() {
        let page = adproof(&["rules", rule.id]).exits(0).stdout;
        let wide = |line: &&str| line.chars().count() > 80 && line.trim().contains(' ');
        // Only an address in code may be wider, so that it can be copied.
        let wide: Vec<&str> =
            page.lines().filter(wide).filter(|line| !line.starts_with("    ")).collect();
        assert!(wide.is_empty(), "{wide:#?}");
    }
    adproof(&["rules", "url-double-encoding"])
        .exits(2)
        .says(&["no rule is named", "did you mean `url-double-encoded`"]);
}

#[test]
fn rules_are_an_array_with_pages_and_examples() {
    let json = adproof(&["rules", "--output-format", "json"]).exits(0).json();
    let rules = json.as_array().unwrap();
    assert_eq!(rules.len(), adproof_vast::rules().len());
    let schema: serde_json::Value =
        serde_json::from_str(&fs::read_to_string("../wire/schemas/rules-list.json").unwrap())
            .unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    assert!(schema.is_valid(&json), "{:?}", schema.iter_errors(&json).next());
    for rule in rules {
        for field in ["page", "citation", "title", "why"] {
            assert!(rule[field].as_str().is_some_and(|text| !text.is_empty()), "{rule}");
        }
        assert!(rule["examples"]["bad"].is_string() && rule["examples"]["good"].is_string());
        assert_eq!(rule["examples"]["fixed"].is_string(), rule["fix"] != "none", "{}", rule["id"]);
    }
    let lines = adproof(&["rules", "--output-format", "ndjson"]).exits(0).stdout;
    assert_eq!(lines.lines().count(), rules.len());
    let one = adproof(&["rules", "url-double-encoded", "--output-format", "json"]).exits(0).json();
    let listed = rules.iter().find(|rule| rule["id"] == "url-double-encoded").unwrap();
    assert_eq!(one, *listed);
    let risk = adproof(&["rules", "--axis", "risk", "--output-format", "json"]).exits(0).json();
    assert!(risk.as_array().unwrap().iter().all(|rule| rule["axis"] == "risk"));
    let mended = adproof(&["rules", "--fixable", "--output-format", "json"]).exits(0).json();
    assert!(mended.as_array().unwrap().iter().all(|rule| rule["fix"] != "none"));
}
