//! C2SP tlog-policy: which logs and witnesses are known, and how many of them must have cosigned.

#[cfg(test)]
mod tests;

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
