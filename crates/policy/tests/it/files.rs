//! What a policy file may say, and how it is told that it may not.

use adproof_policy::{Gate, Policy, Record, Rung};

const SHIPPED: [(&str, &str); 3] = [
    ("default.toml", include_str!("../../../../rules/policy/default.toml")),
    ("demo.toml", include_str!("../../../../datasets/policies/demo.toml")),
    ("strict.toml", include_str!("../../../../datasets/policies/strict.toml")),
];

const LEAST: &str = "version = 1\nname = \"least\"\n[rung.observe]\nlisted = true\n";

fn refused(text: &str) -> String {
    Policy::parse(text).unwrap_err().to_string()
}

/// [`LEAST`] with a line put before its rungs.
fn with(line: &str) -> String {
    LEAST.replace("[rung", &format!("{line}\n[rung"))
}

#[test]
fn shipped_policies_pass_their_own_tests() {
    for (file, text) in SHIPPED {
        let policy = Policy::parse(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(!policy.tests().is_empty(), "{file}");
        for test in policy.tests() {
            let outcome = test.run(&policy);
            assert!(outcome.passed(), "{file}:{}: {}: {outcome:?}", test.line, test.name);
        }
    }
}

#[test]
fn the_demo_is_the_default_ladder_for_documentation_space() {
    let [default, demo, _] = SHIPPED.map(|(_, text)| Policy::parse(text).unwrap());
    assert!(default.rungs().eq(demo.rungs()));
    assert!(default.treat_as_global().is_empty());
    assert_eq!(demo.treat_as_global().len(), 1);
}

#[test]
fn a_policy_says_only_what_it_has_to() {
    let policy = Policy::parse(LEAST).unwrap();
    assert_eq!(policy.name(), "least");
    assert_eq!(policy.record(), Record::Notable);
    assert_eq!(policy.holdout_ppm(), 0);
    assert_eq!(policy.rungs().count(), 1);
    assert_eq!(policy.corroborated_by().count(), 4);
}

#[test]
fn the_digest_is_the_files() {
    let policy = Policy::parse(LEAST).unwrap();
    assert_eq!(
        policy.digest().to_string(),
        "83edb0d3514ac15b4303e5f82743602f8a3e30aa5f413d5c460ca1f8be1da573"
    );
}

#[test]
fn an_unknown_gate_is_named_with_its_place_and_the_known_ones() {
    let text = "version = 1\nname = \"x\"\n[rung.observe]\nlisted = true\n[rung.measure]\n  recurence_ppm = 1\n";
    insta::assert_snapshot!(refused(text));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let block =
        "[rung.measure]\nissues = 1\n[rung.review]\nissues = 1\n[rung.throttle]\nissues = 1\n";
    let cases = [
        String::new(),
        "version = 2\nname = \"x\"\n[rung.observe]\nlisted = true\n".to_owned(),
        with("threshold = 3"),
        with("families = [\"SIVT\", \"bots\"]"),
        with("corroborated_by = [\"tag\", \"stars\"]"),
        with("record = \"some\""),
        with("treat_as_global = [\"3fff::1/20\"]"),
        with("holdout = { share_ppm = 1_000_001 }"),
        format!("{LEAST}[rung.blok]\nlisted = true\n"),
        format!("{LEAST}[rung.measure]\nlisted = false\n"),
        format!("{LEAST}[rung.measure]\nrecurrence_ppm = 0.1\n"),
        format!("{LEAST}[rung.measure]\nrecurrence_ppm = 1_000_001\n"),
        format!("{LEAST}[rung.measure]\n"),
        format!("{LEAST}[rung.review]\nissues = 1\n"),
        format!("{LEAST}{block}"),
        format!(
            "{LEAST}[[sign_off]]\nblock = \"3fff::/64\"\nby = \" \"\nreason = \"x\"\nuntil = \"2026-06-30\"\n"
        ),
        format!(
            "{LEAST}[[sign_off]]\nblock = \"3fff::/64\"\nby = \"x\"\nreason = \"x\"\nuntil = \"June\"\n"
        ),
        format!("{LEAST}[[test]]\nname = \"x\"\ngiven = {{ weight = 1 }}\nexpect = \"none\"\n"),
        format!("{LEAST}[[test]]\nname = \"x\"\ngiven = {{ }}\nexpect = \"ban\"\n"),
        "version = 1\nname = \"x\n".to_owned(),
    ];
    let told: Vec<String> = cases.iter().map(|text| refused(text)).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_policy_is_bounded() {
    let limit = 1 << 20;
    let padded = |len: usize| format!("{LEAST}#{}", "x".repeat(len - LEAST.len() - 1));
    assert!(Policy::parse(&padded(limit)).is_ok());
    assert!(refused(&padded(limit + 1)).contains("1048576"));
}

#[test]
fn names_are_read_back() {
    for gate in Gate::all() {
        assert_eq!(Gate::named(gate.as_str()), Some(gate));
        assert!(!gate.meaning().is_empty());
    }
    for rung in Rung::LADDER {
        assert_eq!(Rung::named(rung.as_str()), Some(rung));
    }
    assert_eq!(Rung::named("none"), Some(Rung::None));
}
