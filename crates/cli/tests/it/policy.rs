//! `adproof policy`: check, test, explain.

use crate::decide::dataset;
use crate::run::{adproof, adproof_with_stdin};

const LEAST: &str = "version = 1\nname = \"least\"\n[rung.observe]\nlisted = true\n";

#[test]
fn shipped_policies_are_good_and_pass_their_tests() {
    let rules = dataset("../rules/policy");
    let policies = dataset("policies");
    adproof(&["policy", "check", &rules, &policies]).exits(0);
    let told = adproof(&["policy", "test", &rules, &policies, "--output-format", "json"]);
    let told = told.exits(0).json();
    assert_eq!(told["schema"], "adproof.policy-test/1");
    assert_eq!(told["policies"].as_array().unwrap().len(), 3);
    assert_eq!(told["failed"], 0);
}

#[test]
fn an_unknown_gate_is_named_with_its_place() {
    let text = LEAST.replace("listed", "lissted");
    adproof_with_stdin(&["policy", "check", "-"], text.as_bytes()).exits(2).says(&[
        "unknown gate `lissted`",
        "seen_in_last_issues",
        "-:4:1",
    ]);
}

#[test]
fn a_test_that_fails_says_what_was_reached_and_what_was_shut() {
    let test = "[[test]]\nname = \"wishful\"\ngiven = { sources = 1 }\nexpect = \"measure\"\n";
    let ran = adproof_with_stdin(&["policy", "test", "-"], format!("{LEAST}{test}").as_bytes());
    let ran = ran.exits(1);
    for text in ["fails wishful", "-:5", "expected measure", "it reaches observe"] {
        assert!(ran.stdout.contains(text), "`{text}` is not in:\n{}", ran.stdout);
    }
}

#[test]
fn explain_reads_as_a_ladder() {
    let ran = adproof(&["policy", "explain", &dataset("../rules/policy/default.toml")]).exits(0);
    let at = |text: &str| ran.stdout.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("\nobserve\n") < at("\nmeasure\n") && at("\nreview\n") < at("\nblock\n"));
    assert!(ran.stdout.contains("own_evidence"));
}
