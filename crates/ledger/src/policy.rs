//! C2SP tlog-policy: which logs and witnesses are known, and how many of them must have cosigned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::cosign::{Cosigned, WitnessKey, check_cosignatures};
use crate::key::{KeyError, NamedKey};
use crate::note::{UnverifiedNote, VerifiedCheckpoint};

/// Bounds of a policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyLimits {
    /// The longest file in bytes.
    pub bytes: usize,
    /// The most logs, the most witnesses and the most groups. The specification asks for 32.
    pub entries: usize,
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, entries: 256 }
    }
}

/// A policy that was read and is sound: every name is defined, once, before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Quorum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quorum {
    None,
    Of(Member),
}

/// A log of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key; the key's name is the log's.
    pub key: NamedKey,
    /// Where it is served.
    pub url: Option<String>,
}

/// A witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name within the policy, for people: bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Its key, under its name in notes.
    pub key: WitnessKey,
    /// Its submission prefix.
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// A place in the list of witnesses or of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// Why bytes are not a policy, and in which line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The line, from 1; the line behind the last where something is missing.
    pub line: usize,
    /// What is wrong there.
    pub fault: PolicyFault,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyFault {
    /// More bytes, logs, witnesses or groups than are read.
    TooLarge,
    /// A control character other than tab and newline. Likely cause: line ends of Windows.
    ControlCharacter,
    /// The last line does not end in a newline. Likely cause: the file was cut.
    Unterminated,
    /// The line is none of `log`, `witness`, `group` and `quorum` with what belongs behind them.
    Syntax,
    /// A key that cannot be used in this place.
    Key(KeyError),
    /// A key that is there already, under this or another name.
    DuplicateKey,
    /// A name that is defined already, or that is not free to be defined.
    NameTaken(String),
    /// A name that no line before this one defines.
    UnknownName(String),
    /// A name that is a member of a group already.
    AlreadyMember(String),
    /// A threshold below 1 or above the number of members.
    Threshold,
    /// A second quorum.
    SecondQuorum,
    /// There is no quorum.
    NoQuorum,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the policy is larger than is read"),
            Self::ControlCharacter => {
                f.write_str("there is a control character other than tab and newline")
            }
            Self::Unterminated => f.write_str("the last line has no end"),
            Self::Syntax => f.write_str(
                "the line is none of `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME \
                 all|any|K NAME...` and `quorum NAME`",
            ),
            Self::Key(error) => error.fmt(f),
            Self::DuplicateKey => f.write_str("the key is there already"),
            Self::NameTaken(name) => write!(f, "the name `{name}` is taken"),
            Self::UnknownName(name) => write!(f, "no line before defines `{name}`"),
            Self::AlreadyMember(name) => write!(f, "`{name}` is a member of a group already"),
            Self::Threshold => f.write_str("the threshold is not between 1 and all members"),
            Self::SecondQuorum => f.write_str("there is a second quorum"),
            Self::NoQuorum => f.write_str("there is no quorum"),
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Reads a policy file.
    pub fn parse(bytes: &[u8], limits: &PolicyLimits) -> Result<Self, PolicyError> {
        if bytes.len() > limits.bytes {
            return Err(PolicyError { line: 1, fault: PolicyFault::TooLarge });
        }
        let mut reader = PolicyReader::default();
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let rest = lines.next_back().unwrap_or_default();
        let mut line = 0;
        for text in lines {
            line += 1;
            reader.line(text, limits).map_err(|fault| PolicyError { line, fault })?;
        }
        let end = |fault| PolicyError { line: line + 1, fault };
        if !rest.is_empty() {
            return Err(end(PolicyFault::Unterminated));
        }
        let quorum = reader.quorum.ok_or_else(|| end(PolicyFault::NoQuorum))?;
        let PolicyReader { logs, witnesses, groups, .. } = reader;
        Ok(Self { logs, witnesses, groups, quorum })
    }

    /// The logs. Where there are none, the log is known from elsewhere.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The keys of the witnesses, in their order.
    #[must_use]
    pub fn witness_keys(&self) -> Vec<WitnessKey> {
        self.witnesses.iter().map(|witness| witness.key.clone()).collect()
    }

    /// Whether the policy demands no cosignature at all: `quorum none`.
    #[must_use]
    pub const fn demands_nothing(&self) -> bool {
        matches!(self.quorum, Quorum::None)
    }

    /// Judges a checkpoint and the cosignatures that its note carries.
    #[must_use]
    pub fn judge(&self, checkpoint: &VerifiedCheckpoint) -> PolicyReport {
        let cosigned = check_cosignatures(checkpoint, &self.witness_keys());
        let seen: Vec<bool> =
            cosigned.iter().map(|one| matches!(one, Cosigned::At { .. })).collect();
        let names = self.witnesses.iter().map(|witness| witness.name.clone());
        PolicyReport {
            log_known: self.knows_log(checkpoint),
            quorum_met: match self.quorum {
                Quorum::None => true,
                Quorum::Of(member) => self.witnessed(member, &seen),
            },
            witnesses: names.zip(cosigned).collect(),
        }
    }

    fn knows_log(&self, checkpoint: &VerifiedCheckpoint) -> bool {
        let of_log = |log: &&PolicyLog| log.key.name() == checkpoint.origin();
        let keys: Vec<NamedKey> =
            self.logs.iter().filter(of_log).map(|log| log.key.clone()).collect();
        let note = UnverifiedNote::parse(checkpoint.note().as_bytes());
        self.logs.is_empty() || note.is_ok_and(|note| note.verify(&keys).is_ok())
    }

    /// Members are defined before their groups and belong to one each, so this ends.
    fn witnessed(&self, member: Member, seen: &[bool]) -> bool {
        match member {
            Member::Witness(index) => seen.get(index).copied().unwrap_or(false),
            Member::Group(index) => self.groups.get(index).is_some_and(|group| {
                let members = group.members.iter();
                let count = members.filter(|member| self.witnessed(**member, seen)).count();
                count >= group.threshold
            }),
        }
    }
}

/// What a policy says of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyReport {
    /// Whether one of the policy's logs has signed it, or the policy names none.
    pub log_known: bool,
    /// Whether enough witnesses have cosigned.
    pub quorum_met: bool,
    /// What each witness says, in the policy's order.
    pub witnesses: Vec<(String, Cosigned)>,
}

impl PolicyReport {
    /// Whether the policy accepts the checkpoint.
    #[must_use]
    pub const fn is_met(&self) -> bool {
        self.log_known && self.quorum_met
    }

    /// How many witnesses have cosigned.
    #[must_use]
    pub fn cosigned(&self) -> usize {
        self.witnesses.iter().filter(|(_, one)| matches!(one, Cosigned::At { .. })).count()
    }
}

#[derive(Default)]
struct PolicyReader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Quorum>,
    /// Names are bytes: what looks alike in Unicode is not the same.
    names: BTreeMap<Vec<u8>, Member>,
    members: BTreeSet<Vec<u8>>,
}

impl PolicyReader {
    fn line(&mut self, line: &[u8], limits: &PolicyLimits) -> Result<(), PolicyFault> {
        if line.iter().any(|byte| (*byte < 32 && *byte != b'\t') || *byte == 127) {
            return Err(PolicyFault::ControlCharacter);
        }
        let words: Vec<&[u8]> = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|word| !word.is_empty())
            .collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", vkey, url @ ..] if url.len() <= 1 => self.log(vkey, url, limits),
            [b"witness", name, vkey, url @ ..] if url.len() <= 1 => {
                self.witness(name, vkey, url, limits)
            }
            [b"group", name, threshold, members @ ..] if !members.is_empty() => {
                self.group(name, threshold, members, limits)
            }
            [b"quorum", name] => self.set_quorum(name),
            _ => Err(PolicyFault::Syntax),
        }
    }

    fn log(
        &mut self,
        vkey: &[u8],
        url: &[&[u8]],
        limits: &PolicyLimits,
    ) -> Result<(), PolicyFault> {
        let key = NamedKey::parse_vkey(text(vkey)?).map_err(PolicyFault::Key)?;
        if self.logs.iter().any(|log| log.key.key() == key.key()) {
            return Err(PolicyFault::DuplicateKey);
        }
        has_room(self.logs.len(), limits)?;
        self.logs.push(PolicyLog { key, url: url_of(url) });
        Ok(())
    }

    fn witness(
        &mut self,
        name: &[u8],
        vkey: &[u8],
        url: &[&[u8]],
        limits: &PolicyLimits,
    ) -> Result<(), PolicyFault> {
        let key = WitnessKey::parse_vkey(text(vkey)?).map_err(PolicyFault::Key)?;
        if self.witnesses.iter().any(|witness| witness.key.material() == key.material()) {
            return Err(PolicyFault::DuplicateKey);
        }
        has_room(self.witnesses.len(), limits)?;
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyWitness { name: lossy(name), key, url: url_of(url) });
        Ok(())
    }

    fn group(
        &mut self,
        name: &[u8],
        threshold: &[u8],
        members: &[&[u8]],
        limits: &PolicyLimits,
    ) -> Result<(), PolicyFault> {
        has_room(self.groups.len(), limits)?;
        let threshold = match threshold {
            b"all" => members.len(),
            b"any" => 1,
            digits => decimal(digits).ok_or(PolicyFault::Syntax)?,
        };
        if !(1..=members.len()).contains(&threshold) {
            return Err(PolicyFault::Threshold);
        }
        let places = members.iter().map(|member| {
            let place = self.place(member)?;
            if self.members.insert(member.to_vec()) {
                Ok(place)
            } else {
                Err(PolicyFault::AlreadyMember(lossy(member)))
            }
        });
        let places = places.collect::<Result<_, _>>()?;
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { threshold, members: places });
        Ok(())
    }

    fn set_quorum(&mut self, name: &[u8]) -> Result<(), PolicyFault> {
        if self.quorum.is_some() {
            return Err(PolicyFault::SecondQuorum);
        }
        self.quorum = Some(match name {
            b"none" => Quorum::None,
            name => Quorum::Of(self.place(name)?),
        });
        Ok(())
    }

    fn place(&self, name: &[u8]) -> Result<Member, PolicyFault> {
        self.names.get(name).copied().ok_or_else(|| PolicyFault::UnknownName(lossy(name)))
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), PolicyFault> {
        if name == b"none" || self.names.contains_key(name) {
            return Err(PolicyFault::NameTaken(lossy(name)));
        }
        self.names.insert(name.to_vec(), member);
        Ok(())
    }
}

const fn has_room(entries: usize, limits: &PolicyLimits) -> Result<(), PolicyFault> {
    if entries < limits.entries { Ok(()) } else { Err(PolicyFault::TooLarge) }
}

fn text(bytes: &[u8]) -> Result<&str, PolicyFault> {
    std::str::from_utf8(bytes).map_err(|_| PolicyFault::Key(KeyError::NotAVkey))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn url_of(url: &[&[u8]]) -> Option<String> {
    url.first().map(|url| lossy(url))
}

fn decimal(digits: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(digits).ok()?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
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
        let read =
            |note: &str| VerifiedCheckpoint::verify(note.as_bytes(), LOG, &[log_key()]).unwrap();
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
}
