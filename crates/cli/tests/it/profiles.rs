//! `adproof profiles` and `adproof lint --profile`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::{Ran, adproof, adproof_with_stdin, command, dataset, finish};

/// Runs inside the folder of tags, so that output holds no path of this machine.
fn in_tags(args: &[&str]) -> Ran {
    let mut command = command(args);
    command.current_dir(dataset("tags"));
    finish(command)
}

/// Asserts that a document is what its committed schema says.
fn holds(document: &Value, schema: &str) {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/schemas");
    let schema = fs::read(schemas.join(schema)).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

fn fits(text: &str) {
    for line in text.lines().filter(|line| !line.contains("https://")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn each_profile_gets_one_line_and_its_reasons_after_the_findings() {
    let profiles = "ima,roku,sharethrough-ctv,web-https,stitcher";
    let tags = ["creative-broken.xml", "good-linear-30.xml", "chain-5-1.xml", "vmap-breaks.xml"];
    let ran = in_tags(&[&["lint", "--select", "limit", "--profile", profiles], &tags[..]].concat());
    let ran = ran.exits(1);
    assert!(!ran.stdout.contains('\u{1b}'), "no colour off a terminal");
    fits(&ran.stdout);
    insta::assert_snapshot!(ran.stdout);
    let all = in_tags(&["lint", "--profile", "ima", tags[0]]).exits(1).stdout;
    let verdict = all.find("creative-broken.xml: ima fails").unwrap();
    assert!(all.rfind("error[").unwrap() < verdict && verdict < all.rfind("1 document").unwrap());
}

#[test]
fn a_profile_that_fails_is_exit_1_and_others_are_not() {
    in_tags(&["lint", "good-linear-30.xml", "--profile", "ima"]).exits(0);
    in_tags(&["lint", "good-linear-30.xml", "--profile", "stitcher"]).exits(0);
    in_tags(&["lint", "chain-5-1.xml", "--profile", "roku"]).exits(0);
    in_tags(&["lint", "good-linear-30.xml", "--profile", "roku"]).exits(1);
    // What the linter leaves out decides nothing for a profile.
    let tag = fs::read(dataset("tags/broken-no-media.xml")).unwrap();
    let ran = adproof_with_stdin(&["lint", "-", "--select", "risk", "--profile", "vast"], &tag);
    let ran = ran.exits(1);
    assert!(ran.stdout.starts_with("-: vast fails, VAST error 101\n"), "{}", ran.stdout);
}

#[test]
fn the_json_names_the_requirement_and_its_source() {
    let args = ["lint", "good-linear-30.xml", "chain-5-1.xml", "--profile", "roku,ima"];
    let json = in_tags(&[&args[..], &["--output-format", "json"]].concat()).exits(1).json();
    holds(&json, "lint.json");
    let verdict = &json["documents"][0]["profiles"][0];
    assert_eq!(verdict["profile"], "roku");
    assert_eq!(verdict["verdict"], "fails");
    assert_eq!(verdict["vast_error"], 102);
    let reason = &verdict["reasons"][0];
    assert_eq!(reason["weight"], "fails");
    assert_eq!(reason["span"]["line"], 2);
    assert_eq!(reason["requirement"]["check"], "versions");
    assert_eq!(reason["requirement"]["requires"], "VAST 2.0 or 3.0");
    assert!(reason["requirement"]["source"]["url"].as_str().unwrap().contains("roku.com"));
    assert_eq!(json["documents"][0]["profiles"][1]["verdict"], "plays");
    assert_eq!(json["documents"][1]["profiles"][1]["verdict"], "unknown");

    let without = in_tags(&["lint", "good-linear-30.xml", "--output-format", "json"]).exits(0);
    assert!(without.json()["documents"][0].get("profiles").is_none());
    holds(&without.json(), "lint.json");
}

#[test]
fn a_profile_that_fails_is_an_annotation_and_a_failed_test() {
    let run = |format| {
        let args =
            ["lint", "good-linear-30.xml", "--profile", "roku,ima", "--output-format", format];
        in_tags(&args).exits(1).stdout
    };
    let github = run("github");
    assert!(
        github.contains("::error file=good-linear-30.xml,line=2,title=roku fails::"),
        "{github}"
    );
    let junit = run("junit");
    assert!(junit.contains("tests=\"2\" failures=\"1\""), "{junit}");
    assert!(junit.contains("<testcase name=\"plays with ima\""), "{junit}");
}

#[test]
fn every_profile_judges_every_shipped_tag() {
    let tags = dataset("tags").display().to_string();
    let json = adproof(&["lint", &tags, "--profile", "all", "--output-format", "json"]);
    let json = json.exits(1).json();
    holds(&json, "lint.json");
    let profiles = adproof(&["profiles", "--output-format", "json"]).exits(0).json();
    holds(&profiles, "profiles.json");
    let count = profiles["profiles"].as_array().unwrap().len();
    assert!(count >= 20);
    for document in json["documents"].as_array().unwrap() {
        assert_eq!(document["profiles"].as_array().unwrap().len(), count);
    }
}

#[test]
fn settings_name_profiles_and_the_command_line_wins() {
    let folder = tempfile::tempdir().unwrap();
    let tag = dataset("tags/good-linear-30.xml");
    fs::copy(tag, folder.path().join("tag.xml")).unwrap();
    fs::write(folder.path().join("adproof.toml"), "[lint]\nprofile = [\"roku\"]\n").unwrap();
    let run = |args: &[&str]| {
        let mut command = command(args);
        command.current_dir(folder.path());
        finish(command)
    };
    run(&["lint", "tag.xml"]).exits(1);
    run(&["lint", "tag.xml", "--profile", "ima"]).exits(0);
}

#[test]
fn a_profile_that_nobody_knows_is_named_with_the_nearest() {
    for (given, near) in [("rokku", "roku"), ("mediatailer", "mediatailor"), ("IMAA", "ima")] {
        in_tags(&["lint", "no-ad.xml", "--profile", given])
            .exits(2)
            .says(&[&format!("no profile is named `{given}`"), &format!("did you mean `{near}`")]);
    }
    adproof(&["profiles", "nothing-like-it"]).exits(2).says(&["adproof profiles"]);
}

#[test]
fn profiles_are_listed_and_shown_with_their_sources() {
    let list = adproof(&["profiles"]).exits(0);
    fits(&list.stdout);
    assert!(list.stdout.contains("roku"));
    let page = adproof(&["profiles", "mediatailor"]).exits(0);
    fits(&page.stdout);
    insta::assert_snapshot!(page.stdout);
    let lines = adproof(&["profiles", "--output-format", "ndjson"]).exits(0);
    assert_eq!(lines.stdout.lines().count(), list.stdout.lines().count() - 2);
    let one = adproof(&["profiles", "IMA", "--output-format", "json"]).exits(0).json();
    holds(&one, "profiles.json");
    assert_eq!(one["profiles"][0]["id"], "ima");
}
