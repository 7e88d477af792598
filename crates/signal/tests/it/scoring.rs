//! What is ranked, what explains what, and that the terms sum.

use adproof_model::{Block, Family, IssueId, Level, SignalClass};
use adproof_signal::{BlockScore, Exposure, Params, Scoring, Tally, Term, Unranked, score};
use proptest::prelude::*;

use super::{indicator, week};

const KIND: &str = "displayImpressionFraud";

/// `weeks` issues; `rows` gives the addresses and providers of each.
fn scored<'a>(weeks: u32, rows: impl Fn(u32) -> Vec<(String, &'a str)>) -> Scoring {
    score(&tally(weeks, rows), &Params::default())
}

fn tally<'a>(weeks: u32, rows: impl Fn(u32) -> Vec<(String, &'a str)>) -> Tally {
    let mut tally = Tally::empty();
    for n in 1..=weeks {
        tally.ingest(&IssueId::parse(&week(n)).unwrap());
        for (address, provider) in rows(n) {
            tally.mark(&indicator(&address, KIND, provider, &week(n)), "feed");
        }
    }
    tally
}

#[track_caller]
fn block<'a>(scoring: &'a Scoring, name: &str) -> &'a BlockScore {
    let found = scoring.blocks.iter().find(|score| score.block.to_string() == name);
    found.unwrap_or_else(|| panic!("{name} is not reported"))
}

fn ranked(scoring: &Scoring) -> Vec<String> {
    let ranked = scoring.blocks.iter().filter(|score| score.class == SignalClass::Ranked);
    ranked.map(|score| score.block.to_string()).collect()
}

/// A block alone has the root prior and no other: the published lower bounds, end to end.
#[test]
fn a_block_without_neighbours_has_the_published_bounds() {
    for (k, n, low) in
        [(1, 1, 37), (2, 4, 66), (4, 4, 166), (4, 12, 99), (8, 12, 245), (12, 12, 417)]
    {
        let scoring = scored(n, |week| {
            let all = vec![(format!("3fff:1::{week:x}"), "P")];
            if week > n - k { all } else { Vec::new() }
        });
        let found = block(&scoring, "3fff:1::/64");
        assert_eq!((found.issues_seen, found.issues), (k, n));
        assert_eq!((found.recurrence_ppm + 500) / 1_000, low, "{k}/{n}");
    }
    // 26 of 52 in a window of 52.
    let mut tally = Tally::empty();
    for n in 1..=52 {
        tally.ingest(&IssueId::parse(&week(n)).unwrap());
        if n > 26 {
            tally.mark(&indicator("3fff:1::1", KIND, "P", &week(n)), "feed");
        }
    }
    let found = score(&tally, &Params { window: 52, ..Params::default() });
    assert_eq!((block(&found, "3fff:1::/64").recurrence_ppm + 500) / 1_000, 334);
    let found = score(&tally, &Params::default());
    assert_eq!(block(&found, "3fff:1::/64").issues, 26);
}

#[test]
fn one_issue_ranks_nothing_however_dense() {
    let scoring = scored(1, |_| (0..50).map(|n| (format!("3fff:1::{n:x}"), "P")).collect());
    assert!(ranked(&scoring).is_empty());
    assert!(scoring.blocks.iter().all(|score| score.unranked == Some(Unranked::OneIssue)));
}

#[test]
fn what_recurs_is_ranked_and_explains_what_is_wider() {
    let scoring = scored(12, |week| {
        let mut rows = vec![(format!("3fff:1:0:7::{week:x}"), "Spectrum")];
        // Once each, everywhere.
        rows.extend((0..8).map(|n| (format!("3fff:2:{week:x}0{n:x}::1"), "Carrier")));
        rows.extend((0..2).map(|n| (format!("3fff:1:{week:x}0{n:x}::1"), "Spectrum")));
        rows
    });
    assert_eq!(ranked(&scoring), ["3fff:1:0:7::/64"]);
    for name in ["3fff:1::/56", "3fff:1::/48", "3fff:1::/32", "Spectrum"] {
        let wide = block(&scoring, name);
        let by = wide.explained_by.as_ref().map(ToString::to_string);
        assert_eq!(by.as_deref(), Some("3fff:1:0:7::/64"), "{name}");
        assert_eq!((wide.issues_seen, wide.issues_unexplained), (12, 0), "{name}");
        assert_eq!(wide.unranked, Some(Unranked::Explained), "{name}");
    }
    let carrier = block(&scoring, "Carrier");
    assert_eq!((carrier.issues_seen, carrier.explained_by.clone()), (12, None));
    assert_eq!(carrier.unranked, Some(Unranked::NoExposure));
}

#[test]
fn what_rotates_inside_a_site_is_ranked_at_the_site() {
    let scoring = scored(12, |week| {
        let mut rows = vec![(format!("3fff:1:5:{week:x}00::1"), "P")];
        rows.extend((0..8).map(|n| (format!("3fff:2:{week:x}0{n:x}::1"), "Q")));
        rows
    });
    assert_eq!(ranked(&scoring), ["3fff:1:5::/48"]);
}

#[test]
fn a_neighbourhood_that_recurs_as_a_whole_ranks_none_of_its_blocks() {
    // Every /48 of a carrier comes back half of the time: nothing stands out.
    let scoring = scored(12, |week| {
        let there = |n: &u32| (n + week).is_multiple_of(2);
        (0..16).filter(there).map(|n| (format!("3fff:2:{n:x}::{week:x}"), "Carrier")).collect()
    });
    assert_eq!(ranked(&scoring), Vec::<String>::new());
    let one = block(&scoring, "3fff:2:3::/64");
    assert_eq!((one.issues_seen, one.unranked), (6, Some(Unranked::Chance)));
}

#[test]
fn crawlers_are_a_family_of_their_own_and_never_ranked() {
    let mut tally = tally(12, |week| vec![(format!("3fff:2:{week:x}::1"), "Q")]);
    for n in 1..=12 {
        tally.mark(&indicator("3fff:9::1", "IABcrawler", "Host", &week(n)), "feed");
    }
    let scoring = score(&tally, &Params::default());
    assert_eq!(ranked(&scoring), Vec::<String>::new());
    let crawler = block(&scoring, "3fff:9::/64");
    assert_eq!((crawler.family, crawler.issues_seen), (Family::Crawler, 12));
    assert_eq!(crawler.unranked, Some(Unranked::SelfDeclared));
    let sivt = scoring.blocks.iter().filter(|score| score.family == Family::Sivt);
    assert!(sivt.into_iter().all(|score| score.provider.as_deref() == Some("Q")));
}

#[test]
fn issues_that_were_not_ingested_are_missing_not_absent() {
    let rows = |_| vec![("3fff:1::1".to_owned(), "P")];
    let mut marked = tally(4, rows);
    assert_eq!(block(&score(&marked, &Params::default()), "3fff:1::/64").issues, 4);
    marked.ingest(&IssueId::parse("2026-W20").unwrap());
    let scoring = score(&marked, &Params::default());
    let found = block(&scoring, "3fff:1::/64");
    assert_eq!((found.issues, found.issues_seen, found.last_seen_ago), (5, 4, 1));
}

#[test]
fn rows_do_not_count_and_feeds_do() {
    let mut tally = tally(3, |_| vec![("3fff:1::1".to_owned(), "P")]);
    let before = score(&tally, &Params::default());
    for n in 2..60 {
        tally.mark(&indicator(&format!("3fff:1::{n:x}"), KIND, "P", &week(2)), "other");
    }
    let after = score(&tally, &Params::default());
    let (before, after) = (block(&before, "3fff:1::/64"), block(&after, "3fff:1::/64"));
    assert_eq!(before.recurrence_ppm, after.recurrence_ppm);
    assert_eq!((before.sources, after.sources), (1, 2));
    assert_eq!((before.indicators, after.indicators), (1, 59));
}

#[test]
fn signals_of_an_address_come_narrowest_first() {
    let scoring = scored(3, |_| vec![("3fff:1:0:7::1".to_owned(), "P")]);
    let bits = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().to_bits();
    let levels: Vec<_> = scoring
        .signals_for(bits("3fff:1:0:7::1"))
        .iter()
        .map(|signal| signal.level().unwrap())
        .collect();
    let wanted = [Level::P128, Level::P64, Level::P56, Level::P48, Level::P32, Level::Provider];
    assert_eq!(levels, wanted);
    let beside = scoring.signals_for(bits("3fff:1:0:8::1"));
    assert_eq!(beside[0].block.to_string(), "3fff:1::/56");
    assert!(scoring.signals_for(bits("3fff:2::1")).is_empty());
}

/// A population can be ranked only when the own log bears it out.
#[test]
fn a_wide_block_needs_an_excess_in_the_own_log() {
    let rows = |week: u32| {
        let bad = (0..3).map(move |n| (format!("3fff:1:{week:x}0{n:x}::1"), "Bad"));
        let big = (0..3).map(move |n| (format!("3fff:2:{week:x}0{n:x}::1"), "Big"));
        let others = (0..6).map(move |n| (format!("3fff:{:x}:{week:x}::1", 0x10 + n), "Other"));
        bad.chain(big).chain(others).collect()
    };
    let mut tally = tally(12, rows);
    assert_eq!(ranked(&score(&tally, &Params::default())), Vec::<String>::new());
    // 20 devices of the one, of which half are flagged; 2,000 of the other, of which 1 % are.
    let mut expose = |net: u128, devices: u128, flagged: u128| {
        for device in 0..devices {
            tally.expose(Exposure {
                address: (0x3fff_u128 << 112) | net << 96 | device << 64,
                asn: None,
                device: (net << 64) + device + 1,
                day: 1,
                impressions: 1,
                revenue_micros: 1,
                flagged: device < flagged,
            });
        }
    };
    expose(1, 20, 10);
    expose(2, 2_000, 20);
    let scoring = score(&tally, &Params::default());
    assert_eq!(ranked(&scoring), ["3fff:1::/32"]);
    let big = block(&scoring, "3fff:2::/32");
    assert_eq!((big.issues_seen, big.unranked), (12, Some(Unranked::NoExcess)));
    let bad = block(&scoring, "3fff:1::/32").excess.unwrap();
    assert_eq!((bad.devices, bad.flagged_devices, bad.marks), (20, 10, 36));
    let terms = &block(&scoring, "3fff:1::/32").contributions;
    assert!(terms.iter().any(|one| one.term == Term::Excess && one.millinats > 0));
}

#[test]
fn what_is_cut_is_counted() {
    let params = Params { max_blocks: 5, ..Params::default() };
    let rows = |week: u32| vec![(format!("3fff:1:{week:x}::1"), "P")];
    let tally = tally(12, rows);
    let (all, few) = (score(&tally, &Params::default()), score(&tally, &params));
    let cut: u64 = few.cut.values().sum();
    assert_eq!(few.blocks.len(), 5);
    assert_eq!(cut + 5, all.blocks.len() as u64);
    assert_eq!(all.cut.values().sum::<u64>(), 0);
}

#[test]
fn the_digest_of_parameters_sees_every_field() {
    let default = Params::default().to_canonical_bytes();
    for other in [
        Params { window: 25, ..Params::default() },
        Params { presence_level: Level::P56, ..Params::default() },
        Params { seed: 1, ..Params::default() },
        Params { max_blocks: 1, ..Params::default() },
    ] {
        assert_ne!(other.to_canonical_bytes(), default);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn contributions_sum_to_the_logit_of_the_mean(
        rows in prop::collection::vec((1_u32..13, 0_u16..40, 0_u8..3), 1..120),
        log in prop::collection::vec((0_u16..40, 0_u8..30, any::<bool>()), 0..60),
    ) {
        let mut tally = Tally::empty();
        for n in 1..=12 {
            tally.ingest(&IssueId::parse(&week(n)).unwrap());
        }
        for (n, net, provider) in rows {
            let address = format!("3fff:{:x}:{net:x}::{n:x}", net % 3);
            let provider = ["", "P", "Q"][usize::from(provider)];
            tally.mark(&indicator(&address, KIND, provider, &week(n)), "feed");
        }
        for (net, device, flagged) in log {
            let net = u128::from(net);
            tally.expose(Exposure {
                address: 0x3fff_u128 << 112 | (net % 3) << 96 | net << 80 | u128::from(device),
                asn: None,
                device: u128::from(device),
                day: 0,
                impressions: 1,
                revenue_micros: 0,
                flagged,
            });
        }
        let scoring = score(&tally, &Params::default());
        for block in &scoring.blocks {
            let mean = f64::from(block.mean_ppm) / 1e6;
            let logit = 1e3 * libm::log(mean / (1.0 - mean));
            let sum: i64 = block.contributions.iter().map(|one| one.millinats).sum();
            // The mean is rounded to parts per million, the sum to milli-nats.
            prop_assert!((logit - f64::from(i32::try_from(sum).unwrap())).abs() <= 0.51 + 1e-3 / (mean * (1.0 - mean)));
            prop_assert!(block.recurrence_ppm <= block.mean_ppm);
            prop_assert!(block.mean_ppm <= block.high_ppm);
            prop_assert!(block.recurrence_ppm <= block.attainable_ppm);
            prop_assert!(block.issues_unexplained <= block.issues_seen);
            prop_assert!(block.rank.0 >= 1 && block.rank.0 <= block.rank.1);
            prop_assert!(block.rank.1 <= block.ranked_among);
            if let Some(Block::Prefix(by)) = &block.explained_by
                && let Block::Prefix(own) = &block.block
            {
                prop_assert!(own.covers(*by) && own != by);
            }
        }
        prop_assert_eq!(score(&tally, &Params::default()), scoring);
    }
}
