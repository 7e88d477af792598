//! `adproof ledger erase`, and what was erased before.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use adproof_edge::clock::{Clock as _, SystemClock};
use adproof_edge::people::{Found, Limits as PeopleLimits, People};
use adproof_edge::store::LedgerReader;
use adproof_ledger::{Body, Erase, EvidenceKey, Hash, Record, is_day};
use clap::Args;

use super::open;
use crate::keyring::{
    AccessArgs, PassphraseArgs, open_keys, open_signing_keys, open_writer, people_failure,
    store_failure,
};
use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof ledger erase`.
#[derive(Debug, Args)]
#[command(after_help = "\
Destroys the key that the evidence of one person, or of all persons of a day, is
salted and sealed with, and appends an `erase` record for each. The records
stay, and every signature, link and proof still verifies; but nobody can open
what they commit to, or check a guess against it. There is no way back.

It reaches what this program keeps: the keys, and with them each file of
disclosures. Your own event logs, the folder of `decide --store` and backups of
the keys are yours to erase.

A subject is a device id as it stands in the events, or an address where events
name no device.

Examples:
  adproof ledger erase ledger --keys keys --subject 3fff:20:4::1 \\
    --day 2026-05-17
  adproof ledger erase ledger --keys keys --subject DEVICE \\
    --reason 'request 2026-31'
  adproof ledger erase ledger --keys keys --day 2026-05-17 \\
    --reason 'kept for 90 days'")]
pub(super) struct EraseArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The folder with the private keys of the log.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,

    /// Whose evidence: a device id or an address [default: everybody's, which takes a --day].
    #[arg(long, value_name = "TEXT", required_unless_present = "day")]
    subject: Option<String>,

    /// Of which day (UTC): year-month-day [default: every day].
    #[arg(long, value_name = "DAY")]
    day: Option<String>,

    /// Why, in words that may stand in the log for ever: name nobody.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,

    #[command(flatten)]
    access: AccessArgs,
}

pub(super) fn run(args: &EraseArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    if let Some(day) = args.day.as_ref().filter(|day| !is_day(day)) {
        return Err(Failure::new(format!("`{day}` is not a day"))
            .at("--day")
            .todo("write it as year-month-day, such as 2026-05-17")
            .into());
    }
    let keys = open_signing_keys(&args.keys, &args.access, out)?;
    let (trusted, heads, folder) = (keys.trusted().clone(), keys.heads(), keys.people());
    let (signers, evidence) = keys.into_signers();
    // The ledger comes first: nothing is destroyed that could not be recorded.
    let said = erased(&open(&args.ledger)?)?;
    let clock = SystemClock::default();
    let mut writer = open_writer(&args.ledger, false, (signers, &trusted, &heads), &clock.now())?;
    let mut people = People::open(&folder, PeopleLimits::default()).map_err(people_failure)?;
    let (mut bodies, mut before) = (Vec::new(), Vec::new());
    for (day, person) in wanted(args, &evidence, &mut people)? {
        people.erase(&day, &person).map_err(people_failure)?;
        let key = evidence.day_key_id(&person, &day);
        if let Some(seq) = said.get(&key) {
            before.push(*seq);
            continue;
        }
        // Also where the key was destroyed by a run that was stopped before it could say so.
        let records = people.records(&day, &person).map_err(people_failure)?;
        let erase = Erase { day, key, reason: args.reason.clone(), records };
        bodies.push((Body::Erase(erase), clock.now()));
    }
    if bodies.is_empty() && before.is_empty() {
        writer.close().map_err(store_failure)?;
        return Err(Failure::new("there is no evidence of this subject and day")
            .at(args.keys.display())
            .todo("check the device id or the address, and the day of the impression in UTC")
            .into());
    }
    let made: Vec<(String, u64)> = bodies
        .iter()
        .filter_map(|(body, _)| match body {
            Body::Erase(erase) => Some((erase.day.clone(), erase.records)),
            _ => None,
        })
        .collect();
    let appended = writer.append_bodies(bodies).map_err(store_failure)?;
    writer.close().map_err(store_failure)?;
    for ((day, records), place) in made.iter().zip(&appended) {
        let plural = if *records == 1 { "record" } else { "records" };
        writeln!(
            out,
            "{day}: key destroyed; {records} {plural} can no longer be opened (record {} says so)",
            place.seq
        )?;
    }
    for seq in before {
        writeln!(out, "erased before: record {seq} says so")?;
    }
    Ok(Exit::Clean)
}

/// The keys to destroy, those that were destroyed before among them.
fn wanted(
    args: &EraseArgs,
    evidence: &EvidenceKey,
    people: &mut People,
) -> anyhow::Result<BTreeSet<(String, Hash)>> {
    let days = match &args.day {
        Some(day) => vec![day.clone()],
        None => people.days().map_err(people_failure)?,
    };
    let mut wanted = BTreeSet::new();
    for day in days {
        let persons = match &args.subject {
            Some(text) => vec![person(evidence, text)],
            None => people.persons(&day).map_err(people_failure)?,
        };
        for person in persons {
            if !matches!(people.find(&day, &person).map_err(people_failure)?, Found::Unknown) {
                wanted.insert((day.clone(), person));
            }
        }
    }
    Ok(wanted)
}

/// Addresses have one text; anything else is a device id, taken as it is.
fn person(evidence: &EvidenceKey, text: &str) -> Hash {
    match text.parse::<IpAddr>() {
        Ok(address) => evidence.person(&address.to_string()),
        Err(_) => evidence.person(text),
    }
}

/// The `erase` records of a ledger: the places by the ids of the keys.
fn erased(reader: &LedgerReader) -> anyhow::Result<BTreeMap<Hash, u64>> {
    let mut found = BTreeMap::new();
    reader
        .each(|seq, frame| {
            // Only a record that says so in its type is worth the parser's time.
            if frame.entry.starts_with(b"{\"erase\":")
                && let Ok(record) = Record::parse(&frame.entry)
                && let Body::Erase(erase) = &record.body
            {
                found.entry(erase.key).or_insert(seq);
            }
        })
        .map_err(store_failure)?;
    Ok(found)
}

/// What was erased of a ledger, for whoever has its keys.
pub(crate) struct Erasures {
    evidence: EvidenceKey,
    people: People,
    said: BTreeMap<Hash, u64>,
}

/// What is left of a record's evidence.
pub(crate) enum Left {
    /// The key of its person and day.
    Key(adproof_ledger::RecordKey),
    /// It was erased; the place of the record that says so, where there is one.
    Erased(Option<u64>),
    /// These keys know nothing of it.
    Unknown,
}

impl Erasures {
    pub(crate) fn open(
        reader: &LedgerReader,
        keys: &std::path::Path,
        passphrase: &PassphraseArgs,
    ) -> anyhow::Result<Self> {
        let keys = open_keys(keys, passphrase)?;
        let people =
            People::read(&keys.people(), PeopleLimits::default()).map_err(people_failure)?;
        let (_, evidence) = keys.into_signers();
        Ok(Self { evidence, people, said: erased(reader)? })
    }

    /// What is left of the record of this subject.
    pub(crate) fn left(&mut self, subject: &Hash) -> anyhow::Result<Left> {
        let found = self.people.of_record(subject).map_err(people_failure)?;
        let Some((day, person)) = found else {
            return Ok(Left::Unknown);
        };
        Ok(match self.people.find(&day, &person).map_err(people_failure)? {
            Found::Key(key) => Left::Key(self.evidence.record_key(&key, subject)),
            Found::Erased => {
                Left::Erased(self.said.get(&self.evidence.day_key_id(&person, &day)).copied())
            }
            Found::Unknown => Left::Unknown,
        })
    }
}
