//! A tally is a commutative monoid with one canonical form.

use adproof_model::{FraudType, Indicator, IssueId, Prefix};
use adproof_signal::{Exposure, Tally, TallyError};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Fact {
    Issue(IssueId),
    Mark(Box<Indicator>, String),
    Exposure(Exposure),
}

fn issue() -> impl Strategy<Value = IssueId> {
    (1_u32..9).prop_map(|n| IssueId::parse(&super::week(n)).unwrap())
}

fn mark() -> impl Strategy<Value = Fact> {
    let place = (any::<u8>(), any::<u8>(), prop_oneof![Just(128_u8), Just(64), 0..=128_u8]);
    let kind = prop_oneof![
        Just("displayImpressionFraud"),
        Just("IABcrawler"),
        Just("datacenter"),
        Just("new kind"),
        Just("")
    ];
    let provider =
        prop_oneof![Just(None), Just(Some("Spectrum")), Just(Some("  ")), Just(Some("Ü"))];
    (place, kind, provider, issue(), prop::option::of(0_u32..3), 0..3_u8).prop_map(
        |((net, host, len), kind, provider, issue, asn, source)| {
            let bits = 0x3fff_u128 << 112 | u128::from(net) << 64 | u128::from(host);
            let indicator = Indicator {
                prefix: Prefix::containing(bits, len),
                fraud_type: FraudType::new(kind),
                probability_ppm: None,
                provider: provider.map(Into::into),
                asn,
                issue,
                row: 1,
                labels: Vec::new(),
            };
            Fact::Mark(Box::new(indicator), format!("feed-{source}"))
        },
    )
}

fn exposure() -> impl Strategy<Value = Fact> {
    let days = prop_oneof![0_i64..90, Just(i64::MIN), Just(i64::MAX)];
    (0..4_u128, 0..4_u128, days, any::<u32>(), any::<i64>(), any::<bool>(), 0_u32..2).prop_map(
        |(address, device, day, impressions, revenue_micros, flagged, asn)| {
            Fact::Exposure(Exposure {
                address: address << 63,
                asn: Some(asn),
                device,
                day,
                impressions,
                revenue_micros,
                flagged,
            })
        },
    )
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let fact = prop_oneof![issue().prop_map(Fact::Issue), mark(), exposure()];
    prop::collection::vec(fact, 0..60)
}

fn tally(facts: &[Fact]) -> Tally {
    let mut tally = Tally::empty();
    for fact in facts {
        match fact {
            Fact::Issue(issue) => tally.ingest(issue),
            Fact::Mark(indicator, source) => tally.mark(indicator, source),
            Fact::Exposure(exposure) => tally.expose(*exposure),
        }
    }
    tally
}

proptest! {
    #[test]
    fn merging_is_commutative_and_associative_with_an_identity(
        a in facts(), b in facts(), c in facts()
    ) {
        let (a, b, c) = (tally(&a), tally(&b), tally(&c));
        let bytes = a.clone().merge(b.clone()).merge(c.clone()).to_bytes();
        prop_assert_eq!(&bytes, &c.clone().merge(b.clone()).merge(a.clone()).to_bytes());
        prop_assert_eq!(&bytes, &a.clone().merge(b.merge(c)).to_bytes());
        prop_assert_eq!(a.to_bytes(), a.clone().merge(Tally::empty()).to_bytes());
        prop_assert_eq!(a.to_bytes(), Tally::empty().merge(a).to_bytes());
    }

    #[test]
    fn neither_order_nor_partition_changes_the_bytes(
        facts in facts().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
        cut in any::<prop::sample::Index>(),
    ) {
        let (ordered, shuffled) = facts;
        let (left, right) = shuffled.split_at(cut.index(shuffled.len() + 1));
        prop_assert_eq!(tally(&ordered).to_bytes(), tally(left).merge(tally(right)).to_bytes());
    }

    #[test]
    fn bytes_read_back_as_the_same_tally(facts in facts()) {
        let tally = tally(&facts);
        let bytes = tally.to_bytes();
        let read = Tally::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&read, &tally);
        prop_assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn reading_an_issue_twice_changes_nothing(facts in prop::collection::vec(mark(), 0..40)) {
        let once = tally(&facts);
        prop_assert_eq!(once.to_bytes(), once.clone().merge(once).to_bytes());
    }

    /// Whatever is accepted is canonical; whatever is not is refused without a panic.
    #[test]
    fn changed_bytes_are_refused_or_canonical(
        facts in facts(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = tally(&facts).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(read) = Tally::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }

    #[test]
    fn cut_bytes_are_refused(facts in facts(), at in any::<prop::sample::Index>()) {
        let bytes = tally(&facts).to_bytes();
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(Tally::from_bytes(cut).is_err());
        let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        prop_assert!(Tally::from_bytes(&longer).is_err());
    }
}

#[test]
fn a_declared_count_reserves_nothing() {
    let empty = Tally::empty().to_bytes();
    // The count of exposures is the last eight bytes of an empty tally.
    let mut bytes = empty.clone();
    let end = bytes.len();
    bytes[end - 8..].copy_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(Tally::from_bytes(&bytes), Err(TallyError::Truncated));
    assert_eq!(Tally::from_bytes(b"adproof"), Err(TallyError::Magic));
    let mut other = empty;
    other[15] = 1;
    assert_eq!(Tally::from_bytes(&other), Err(TallyError::Version(1)));
}

#[test]
fn many_appends_combine_to_one_record() {
    let exposure = Exposure {
        address: 1,
        asn: None,
        device: 2,
        day: 3,
        impressions: 1,
        revenue_micros: -5,
        flagged: false,
    };
    let (mut many, mut one) = (Tally::empty(), Tally::empty());
    for _ in 0..200_000 {
        many.expose(exposure);
    }
    one.expose(Exposure { impressions: 200_000, revenue_micros: -1_000_000, ..exposure });
    assert_eq!(many.to_bytes(), one.to_bytes());
}
