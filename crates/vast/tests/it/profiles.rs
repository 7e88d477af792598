//! Proves every profile by the tests in its file, and that each requirement that decides is tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use adproof_vast::profile::{
    Effect, Outcome, Profile, Requirement, Verdict, profile, profiles, verdicts,
};
use adproof_vast::{Limits, Options, lint};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../rules/profiles")
}

/// One `[[test]]` of a file.
struct Test {
    profile: &'static Profile,
    table: toml::Table,
}

fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for profile in profiles() {
        let text = fs::read_to_string(folder().join(format!("{}.toml", profile.id))).unwrap();
        let file: toml::Table = text.parse().unwrap();
        for table in file["test"].as_array().unwrap() {
            tests.push(Test { profile, table: table.as_table().unwrap().clone() });
        }
    }
    tests
}

impl Test {
    fn text(&self, key: &str) -> Option<&str> {
        self.table.get(key).and_then(toml::Value::as_str)
    }

    fn name(&self) -> String {
        format!("{}: {}", self.profile.id, self.text("name").unwrap())
    }

    fn list(&self, key: &str) -> Vec<&toml::Value> {
        let list = self.table.get(key).and_then(toml::Value::as_array);
        list.map(|list| list.iter().collect()).unwrap_or_default()
    }

    /// The tag: as it stands, or a frame of which something is cut and something changed.
    fn tag(&self) -> String {
        for key in self.table.keys() {
            let known = ["name", "tag", "frame", "cut", "change", "verdict", "error", "reasons"];
            assert!(known.contains(&key.as_str()), "{}: no key `{key}`", self.name());
        }
        let mut tag = match (self.text("tag"), self.text("frame")) {
            (Some(tag), None) => tag.to_owned(),
            (None, Some(frame)) => {
                fs::read_to_string(folder().join("frames").join(format!("{frame}.xml"))).unwrap()
            }
            _ => panic!("{}: a test has a tag or a frame", self.name()),
        };
        if let [from, to] = self.list("cut")[..] {
            tag = cut(&tag, from.as_str().unwrap(), to.as_str().unwrap());
        }
        for change in self.list("change") {
            let [from, to] = &change.as_array().unwrap()[..] else {
                panic!("{}: a change is a pair", self.name());
            };
            let (from, to) = (from.as_str().unwrap(), to.as_str().unwrap());
            assert!(tag.contains(from), "{}: nothing to change: {from}", self.name());
            tag = tag.replace(from, to);
        }
        tag
    }

    fn verdict(&self) -> Verdict {
        verdicts(self.tag().as_bytes(), &[self.profile], &Limits::default()).remove(0)
    }
}

/// Without what stands between two marks, and the marks.
fn cut(text: &str, from: &str, to: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(from) {
        out.push_str(before);
        rest = after.split_once(to).unwrap().1;
    }
    assert!(out.len() + rest.len() < text.len(), "nothing to cut: {from}");
    out + rest
}

/// A requirement as tests name it: its rule, or what it looks at.
fn named(requirement: &Requirement) -> &'static str {
    requirement.rule().map_or(requirement.check(), |rule| rule.id)
}

#[test]
fn every_profile_passes_its_own_tests() {
    let mut wrong = Vec::new();
    for test in tests() {
        let verdict = test.verdict();
        let mut reasons: Vec<&str> =
            verdict.reasons.iter().filter_map(|reason| reason.requirement.map(named)).collect();
        reasons.sort_unstable();
        let error = verdict.vast_error.map(i64::from);
        let expected = (
            test.text("verdict").unwrap(),
            test.table.get("error").and_then(toml::Value::as_integer),
            test.list("reasons").iter().map(|id| id.as_str().unwrap()).collect::<Vec<_>>(),
        );
        let found = (verdict.outcome.as_str(), error, reasons);
        if found != expected {
            wrong.push(format!("{}\n  expected {expected:?}\n  found    {found:?}", test.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_requirement_that_decides_is_proven_by_a_test() {
    let mut hit: BTreeSet<(&str, *const Requirement)> = BTreeSet::new();
    let mut outcomes: BTreeMap<&str, BTreeSet<Outcome>> = BTreeMap::new();
    for test in tests() {
        let verdict = test.verdict();
        outcomes.entry(test.profile.id).or_default().insert(verdict.outcome);
        hit.extend(
            verdict.reasons.iter().filter_map(|reason| {
                Some((test.profile.id, std::ptr::from_ref(reason.requirement?)))
            }),
        );
    }
    for profile in profiles() {
        let seen = &outcomes[profile.id];
        assert!(seen.contains(&Outcome::Plays), "{}: no test plays", profile.id);
        assert!(seen.contains(&Outcome::Fails), "{}: no test fails", profile.id);
        for requirement in profile.requirements {
            let own = requirement.from == profile.id && requirement.effect != Effect::Note;
            assert!(
                !own || hit.contains(&(profile.id, std::ptr::from_ref(requirement))),
                "{}: no test shows `{}`, {}",
                profile.id,
                named(requirement),
                requirement.statement()
            );
        }
    }
}

#[test]
fn every_requirement_says_why_and_who_says_so() {
    for profile in profiles() {
        assert_eq!(adproof_vast::profile::profile(profile.id).unwrap().id, profile.id);
        assert!(profile.about.len() > 60 && profile.about.ends_with('.'), "{}", profile.id);
        for requirement in profile.requirements {
            assert!(requirement.why.ends_with('.'), "{}: {}", profile.id, requirement.why);
            assert!(requirement.source.url.starts_with("https://"), "{}", profile.id);
            assert!(!requirement.source.title.is_empty(), "{}", profile.id);
            assert!(!requirement.statement().is_empty(), "{}", profile.id);
        }
    }
    assert!(profiles().is_sorted_by_key(|profile| profile.id));
    assert!(profile("nobody").is_none());
}

#[test]
fn a_verdict_does_not_hear_the_settings_of_the_linter_nor_change_a_finding() {
    for test in tests() {
        let tag = test.tag();
        let before = lint(tag.as_bytes(), &Options::default());
        let all: Vec<&Profile> = profiles().iter().collect();
        let together = verdicts(tag.as_bytes(), &all, &Limits::default());
        let alone = test.verdict();
        let same = together.iter().find(|other| other.profile.id == test.profile.id).unwrap();
        assert_eq!(same.outcome, alone.outcome, "{}", test.name());
        assert_eq!(same.vast_error, alone.vast_error, "{}", test.name());
        assert_eq!(same.reasons.len(), alone.reasons.len(), "{}", test.name());
        assert_eq!(lint(tag.as_bytes(), &Options::default()), before);
    }
    assert!(verdicts(b"<VAST/>", &[], &Limits::default()).is_empty());
}

#[test]
fn reasons_point_at_the_first_place_and_count_the_rest() {
    let tag = fs::read_to_string(folder().join("frames/spot-4.xml")).unwrap();
    let tag = tag.replace("https://cdn.", "http://cdn.");
    let profile = profile("web-https").unwrap();
    let verdict = verdicts(tag.as_bytes(), &[profile], &Limits::default()).remove(0);
    let [reason] = &verdict.reasons[..] else { panic!("{:?}", verdict.reasons) };
    assert_eq!(reason.places, 4);
    assert!(tag[reason.span.start as usize..].starts_with("<Mezzanine"));
    assert!(reason.path.ends_with("/Mezzanine[1]"), "{}", reason.path);
}

#[test]
fn a_bound_that_was_reached_leaves_the_verdict_open() {
    let tag = fs::read(folder().join("frames/spot-4.xml")).unwrap();
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    for limits in [limits(|limits| limits.elements = 5), limits(|limits| limits.bytes = 100)] {
        let verdict = verdicts(&tag, &[profile("vast").unwrap()], &limits).remove(0);
        assert_eq!(verdict.outcome, Outcome::Unknown, "{:?}", verdict.reasons);
    }
}

#[test]
fn many_places_are_counted_in_one_reason() {
    let ad = "<Ad><InLine><Impression>http://a.example</Impression><Creatives><Creative><Linear><MediaFiles><MediaFile type='x/y'>http://a.example</MediaFile></MediaFiles></Linear></Creative></Creatives></InLine></Ad>";
    let tag = format!("<VAST version='9.9'>{}</VAST>", ad.repeat(10_000));
    let all: Vec<&Profile> = profiles().iter().collect();
    let verdicts = verdicts(tag.as_bytes(), &all, &Limits::default());
    for verdict in verdicts {
        assert!(verdict.reasons.len() <= verdict.profile.requirements.len() + 3);
    }
}
