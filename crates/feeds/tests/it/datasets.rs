//! The shipped data holds what its README says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use adproof_feeds::{AsnTable, FeedIssue, Limits, enrich, read_events, read_feed};
use adproof_model::{Leg, LegDetail, Prefix};

const ISSUES: [&str; 12] = [
    "2026-W11.csv",
    "2026-W12.csv",
    "2026-W13.csv",
    "2026-W14.csv",
    "2026-W15.csv",
    "2026-W16.csv",
    "2026-W17.csv",
    "2026-W18.csv",
    "2026-W19.csv",
    "2026-W20.xlsx",
    "2026-W21.xlsx",
    "2026-05.xlsx",
];

fn bytes(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    std::fs::read(folder.join(name)).unwrap()
}

fn issue(suffix: &str) -> FeedIssue {
    let name = format!("ioc-ipv6-{suffix}");
    read_feed(&name, &bytes(&name), &Limits::default()).unwrap()
}

fn counts<'a>(values: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// How many indicators share each block of a length, more than one, largest first.
fn shared(issue: &FeedIssue, provider: &str, len: u8) -> Vec<usize> {
    let mut blocks: BTreeMap<Prefix, usize> = BTreeMap::new();
    for indicator in &issue.accepted {
        if indicator.provider.as_deref() == Some(provider) {
            *blocks.entry(indicator.prefix.widen(len)).or_default() += 1;
        }
    }
    let mut sizes: Vec<usize> = blocks.into_values().filter(|size| *size > 1).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

#[test]
fn may_has_the_published_counts() {
    let may = issue("2026-05.xlsx");
    assert_eq!((may.rows, may.accepted.len()), (25, 25));
    assert_eq!((may.rejected_total, may.duplicates, may.notes_total), (0, 0, 0));
    let types = counts(may.accepted.iter().map(|i| i.fraud_type.as_str()));
    let want = [
        ("IABcrawler", 2),
        ("appSpoofing", 1),
        ("deviceIdStuffing", 1),
        ("displayImpressionFraud", 21),
    ];
    assert_eq!(types, want.into());
    let providers = counts(may.accepted.iter().filter_map(|i| i.provider.as_deref()));
    let want = [
        ("AT&T Internet", 1),
        ("AT&T Wireless", 1),
        ("Comcast Business", 1),
        ("Comcast Cable", 2),
        ("Hetzner Online", 1),
        ("Play", 1),
        ("Spectrum", 11),
        ("Starlink", 1),
        ("T-Mobile USA", 3),
        ("Verizon Fios", 3),
    ];
    assert_eq!(providers, want.into());
    assert_eq!(shared(&may, "Spectrum", 64), [4]);
    assert_eq!(shared(&may, "Spectrum", 32), [9, 2]);
    assert_eq!(shared(&may, "Verizon Fios", 64), [2]);
    assert_eq!(shared(&may, "Comcast Cable", 64), [2]);
    for provider in providers.keys() {
        if !["Spectrum", "Verizon Fios", "Comcast Cable"].contains(provider) {
            assert!(shared(&may, provider, 64).is_empty(), "{provider}");
        }
    }
}

#[test]
fn the_story_is_planted() {
    let issues: Vec<FeedIssue> = ISSUES.iter().map(|name| issue(name)).collect();
    let marked = |block: &str| {
        let block: Prefix = block.parse().unwrap();
        let marks = |issue: &&FeedIssue| issue.accepted.iter().any(|i| block.covers(i.prefix));
        issues.iter().filter(marks).count()
    };
    assert_eq!(marked("3fff:10:42:7::/64"), 11);
    assert_eq!(marked("3fff:20:4::/48"), 10);
    assert_eq!(marked("3fff:90:0:7::/64"), 12);
    assert_eq!(marked("3fff:30::/32"), 12);
    for issue in &issues {
        let rows = issue.accepted.len();
        assert!((15..=50).contains(&rows), "{}: {rows}", issue.name);
        let label = issue.name.trim_start_matches("ioc-ipv6-");
        assert!(label.starts_with(issue.issue.label()));
    }
    assert!(issues.windows(2).all(|pair| pair[0].issue < pair[1].issue));
    // Nothing of the big carrier comes back, at any length that could be acted on.
    let mut seen = BTreeSet::new();
    let carrier: Prefix = "3fff:30::/32".parse().unwrap();
    for indicator in issues.iter().flat_map(|issue| &issue.accepted) {
        if carrier.covers(indicator.prefix) {
            assert!(seen.insert(indicator.prefix.widen(48)), "{:?}", indicator.prefix);
        }
    }
    assert!(seen.len() > 50);
}

#[test]
fn faults_of_the_spreadsheet_are_rejected_one_by_one() {
    let w20 = issue("2026-W20.xlsx");
    assert_eq!((w20.sheet.as_deref(), w20.duplicates), (Some("Indicators"), 1));
    let reasons: Vec<String> = w20
        .rejected
        .iter()
        .map(|r| format!("{}{} {}: {}", r.column, r.row, r.value, r.reason))
        .collect();
    insta::assert_snapshot!(reasons.join("\n"));
    let w21 = issue("2026-W21.xlsx");
    assert_eq!(w21.unread_sheets, ["Gateways".into()]);
    let reasons: Vec<String> = w21
        .rejected
        .iter()
        .map(|r| format!("{}{} {}: {}", r.column, r.row, r.value, r.reason))
        .collect();
    insta::assert_snapshot!(reasons.join("\n"));
    assert!(w21.accepted.iter().all(|i| i.provider.is_some() && i.probability_ppm.is_some()));
}

#[test]
fn every_address_is_documentation_space_and_has_its_asn() {
    let table = AsnTable::read("asn.csv", &bytes("asn.csv"), &Limits::default()).unwrap();
    for name in ISSUES {
        let mut issue = issue(name);
        enrich(&mut issue.accepted, &table);
        for indicator in &issue.accepted {
            let space: Prefix = "3fff::/20".parse().unwrap();
            assert!(space.covers(indicator.prefix));
            let entry = table.lookup(indicator.prefix.bits()).unwrap();
            assert_eq!(indicator.asn, Some(entry.asn));
            assert_eq!(indicator.provider.as_deref(), Some(&*entry.name));
        }
    }
    let customer: std::net::Ipv6Addr = "3fff:90:0:7::1800".parse().unwrap();
    assert_eq!(table.lookup(customer.to_bits()).unwrap().asn, 65_537);
    assert_eq!(table.lookup(customer.to_bits() + 0x800).unwrap().asn, 64_505);
}

#[test]
fn the_log_is_read_whole() {
    let log = read_events("events.jsonl", &bytes("events.jsonl"), &Limits::default()).unwrap();
    assert_eq!(log.rejected_total, 0);
    let impressions: BTreeSet<_> = log
        .events
        .iter()
        .map(|event| (event.transaction.clone(), event.impression.clone()))
        .collect();
    assert_eq!(impressions.len(), 5_000);
    for leg in Leg::ALL {
        let of_leg = log.events.iter().filter(|event| event.leg() == leg).count();
        assert!((4_500..5_500).contains(&of_leg), "{leg}: {of_leg}");
    }
    let withheld = |detail: &LegDetail| matches!(detail, LegDetail::Withheld { .. });
    assert!(log.events.iter().any(|event| withheld(&event.detail)));
}
