use super::*;
use crate::cosign::cosign;
use crate::hash::Hash;
use crate::key::{MemoryKey, Signer as _};
use crate::note::Checkpoint;
use proptest::prelude::*;

const LOG: &str = "log.example/adproof";

fn log_key() -> NamedKey {
    NamedKey::new(LOG, MemoryKey::from_seed(&[99; 32]).public_key()).unwrap()
}

fn vkey(seed: u8) -> String {
    let key = MemoryKey::from_seed(&[seed; 32]).public_key();
    WitnessKey::new(&format!("w{seed}.example"), key).unwrap().to_vkey()
}

/// A checkpoint that the witnesses with these seeds have cosigned.
fn cosigned(seeds: &[u8]) -> VerifiedCheckpoint {
    let root = Hash::of(b"root");
    let checkpoint = Checkpoint { origin: LOG.to_owned(), size: 3, root };
    let mut note = checkpoint.sign(&MemoryKey::from_seed(&[99; 32])).unwrap();
    let read = |note: &str| VerifiedCheckpoint::verify(note.as_bytes(), LOG, &[log_key()]).unwrap();
    for seed in seeds {
        let signer = MemoryKey::from_seed(&[*seed; 32]);
        let line = cosign(&read(&note), &format!("w{seed}.example"), &signer, 7).unwrap();
        note.push_str(&line);
    }
    read(&note)
}

fn parse(text: &str) -> Result<Policy, PolicyFault> {
    Policy::parse(text.as_bytes(), &PolicyLimits::default()).map_err(|error| error.fault)
}

/// The example of the specification.
fn example() -> String {
    let key = vkey;
    format!(
        "log {}\n\nwitness X1 {}\nwitness X2 {}\nwitness X3 {}\n\
         group X-witnesses 2 X1 X2 X3\n\nwitness Y1 {}\n\t witness  Y2\t{} https://y2.example/ \n\
         witness Y3 {}\n # a comment\ngroup Y-witnesses any Y1 Y2 Y3\n\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        log_key().to_vkey(),
        key(1),
        key(2),
        key(3),
        key(4),
        key(5),
        key(6),
    )
}

#[test]
fn the_example_of_the_specification_wants_two_and_one() {
    let policy = parse(&example()).unwrap();
    assert_eq!(policy.witnesses()[4].url.as_deref(), Some("https://y2.example/"));
    for (seeds, met) in [
        (&[1_u8, 2, 4][..], true),
        (&[1, 3, 6], true),
        (&[1, 2, 3, 4, 5, 6], true),
        (&[1, 2, 3], false),
        (&[1, 4, 5, 6], false),
        (&[], false),
        (&[1, 2, 40], false),
    ] {
        let report = policy.judge(&cosigned(seeds));
        assert_eq!((report.quorum_met, report.is_met()), (met, met), "{seeds:?}");
        assert_eq!(report.cosigned(), seeds.iter().filter(|seed| **seed < 10).count());
    }
}

#[test]
fn a_policy_may_want_one_witness_or_none() {
    let one = parse(&format!("witness W {}\nquorum W\n", vkey(1))).unwrap();
    assert!(one.judge(&cosigned(&[1])).is_met());
    assert!(!one.judge(&cosigned(&[2])).is_met());
    let none = parse("quorum none\n").unwrap();
    assert!(none.demands_nothing() && none.judge(&cosigned(&[])).is_met());
}

#[test]
fn a_log_that_the_policy_does_not_list_is_not_accepted() {
    let other = NamedKey::new("other.example", *log_key().key()).unwrap();
    let stranger = MemoryKey::from_seed(&[98; 32]).public_key();
    let stranger = NamedKey::new(LOG, stranger).unwrap();
    for (key, known) in [(log_key(), true), (other, false), (stranger, false)] {
        let policy = parse(&format!("log {}\nquorum none\n", key.to_vkey())).unwrap();
        assert_eq!(policy.judge(&cosigned(&[])).log_known, known);
    }
}

#[test]
fn unsound_policies_are_refused_with_their_reason() {
    let witnesses = format!("witness A {}\nwitness B {}\n", vkey(1), vkey(2));
    let refused = |rest: &str| parse(&format!("{witnesses}{rest}")).unwrap_err();
    let key = vkey(1);
    let name = |name: &str| name.to_owned();
    for (rest, fault) in [
        ("", PolicyFault::NoQuorum),
        ("quorum A", PolicyFault::Unterminated),
        ("quorum A\nquorum B\n", PolicyFault::SecondQuorum),
        ("quorum C\n", PolicyFault::UnknownName(name("C"))),
        ("quorum G\ngroup G any A\n", PolicyFault::UnknownName(name("G"))),
        ("group G all A G\nquorum G\n", PolicyFault::UnknownName(name("G"))),
        ("group G all none\nquorum G\n", PolicyFault::UnknownName(name("none"))),
        ("group G 0 A B\n", PolicyFault::Threshold),
        ("group G 3 A B\n", PolicyFault::Threshold),
        ("group G +1 A B\n", PolicyFault::Syntax),
        ("group G 01 A B\n", PolicyFault::Syntax),
        ("group G any\n", PolicyFault::Syntax),
        ("group G any A A\n", PolicyFault::AlreadyMember(name("A"))),
        ("group G any A\ngroup H any A\n", PolicyFault::AlreadyMember(name("A"))),
        ("group A any B\n", PolicyFault::NameTaken(name("A"))),
        ("group none any B\n", PolicyFault::NameTaken(name("none"))),
        ("quorum A B\n", PolicyFault::Syntax),
        ("Quorum A\n", PolicyFault::Syntax),
        ("quorum A\r\n", PolicyFault::ControlCharacter),
    ] {
        assert_eq!(refused(rest), fault, "{rest}");
    }
    assert_eq!(refused(&format!("witness C {key}\n")), PolicyFault::DuplicateKey);
    let renamed = MemoryKey::from_seed(&[1; 32]).public_key();
    let renamed = WitnessKey::new("renamed.example", renamed).unwrap().to_vkey();
    assert_eq!(refused(&format!("witness C {renamed}\n")), PolicyFault::DuplicateKey);
    let log = log_key().to_vkey();
    let twice = parse(&format!("log {log}\nlog {log}\nquorum none\n"));
    assert_eq!(twice.unwrap_err(), PolicyFault::DuplicateKey);
    // Keys that sign notes do not cosign, and the other way round.
    assert!(matches!(refused(&format!("witness C {log}\n")), PolicyFault::Key(_)));
    assert!(matches!(refused(&format!("log {key}\n")), PolicyFault::Key(_)));
}

#[test]
fn names_are_bytes() {
    // A Kelvin sign is not a K.
    let text = format!("witness \u{212a} {}\nquorum K\n", vkey(1));
    assert_eq!(parse(&text), Err(PolicyFault::UnknownName("K".to_owned())));
    let mut bytes = b"witness \xff ".to_vec();
    bytes.extend_from_slice(vkey(1).as_bytes());
    bytes.extend_from_slice(b"\nquorum \xff\n");
    assert!(Policy::parse(&bytes, &PolicyLimits::default()).is_ok());
}

#[test]
fn every_bound_holds_on_both_sides() {
    let text = format!("witness A {}\nwitness B {}\nquorum A\n", vkey(1), vkey(2));
    for (limits, good) in [
        (PolicyLimits { bytes: text.len(), entries: 2 }, true),
        (PolicyLimits { bytes: text.len() - 1, entries: 2 }, false),
        (PolicyLimits { bytes: text.len(), entries: 1 }, false),
    ] {
        assert_eq!(Policy::parse(text.as_bytes(), &limits).is_ok(), good, "{limits:?}");
    }
    let groups = "witness A K\ngroup G any A\ngroup H any G\nquorum H\n";
    let groups = groups.replace('K', &vkey(1));
    let limits = |entries| PolicyLimits { entries, ..PolicyLimits::default() };
    assert!(Policy::parse(groups.as_bytes(), &limits(2)).is_ok());
    assert!(Policy::parse(groups.as_bytes(), &limits(1)).is_err());
}

#[test]
fn no_policy_that_was_cut_is_read() {
    let text = example();
    for cut in 0..text.len() {
        let bytes = &text.as_bytes()[..cut];
        assert!(Policy::parse(bytes, &PolicyLimits::default()).is_err(), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Policy::parse(&bytes, &PolicyLimits::default());
    }

    #[test]
    fn no_lines_panic(
        lines in proptest::collection::vec(
            "(log|witness|group|quorum|#|) ?[ABC]? ?(all|any|1|2|9)? ?[ABC]? ?[ABC]?", 0..12,
        )
    ) {
        let text = lines.join("\n") + "\n";
        let _ = Policy::parse(text.as_bytes(), &PolicyLimits::default());
    }

    #[test]
    fn more_witnesses_never_break_a_quorum(seen in any::<[bool; 6]>(), more in 0_usize..6) {
        let policy = parse(&example()).unwrap();
        let Quorum::Of(member) = policy.quorum else { return Ok(()) };
        let before = policy.witnessed(member, &seen);
        let mut after = seen;
        after[more] = true;
        prop_assert!(!before || policy.witnessed(member, &after));
    }
}
