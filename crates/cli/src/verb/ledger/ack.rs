//! `adproof ledger ack`: what the other party says to records, and how it gets into the log.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::bundle::{SentLimits, read_sent};
use adproof_edge::keys::{Limits as KeyLimits, keys_are_read, open_role};
use adproof_edge::store::StoreError;
use adproof_ledger::bundle::{self, inline};
use adproof_ledger::dsse::Envelope;
use adproof_ledger::note::MAX_NOTE_BYTES;
use adproof_ledger::{
    Ack, AckStatement, Body, NamedKey, PublicKey, Role, Signer, Stance, TlogProof, TrustedKeys,
    VerifiedRecord, record_hash,
};
use adproof_wire::settle::{AckV1, LedgerAckV1};
use clap::{Args, Subcommand, ValueEnum};

use super::line::of_type;
use super::shown::{read_file, trusted_of};
use crate::keyring::write_file;
use crate::keyring::{
    AccessArgs, guard, keys_failure, open_signing_keys, open_writer, store_failure,
};
use crate::out::{Exit, Failure, Format, Out};
use crate::text::safe;
use crate::verb::decide::journal::{ClockChoice, clock};
use crate::verb::ledger::open;

/// The longest record file: an envelope of the longest record in base64.
const MAX_RECORD_FILE_BYTES: usize = 256 << 10;

/// The longest file with a statement.
const MAX_ACK_FILE_BYTES: usize = 64 << 10;

/// Arguments of `adproof ledger ack`.
#[derive(Debug, Args)]
pub(super) struct AckArgs {
    #[command(subcommand)]
    verb: AckVerb,
}

#[derive(Debug, Subcommand)]
enum AckVerb {
    /// Signs what you say to the records of a bundle, as the other party.
    Make(MakeArgs),
    /// Takes such statements into the log.
    Add(AddArgs),
}

/// Arguments of `adproof ledger ack make`.
#[derive(Debug, Args)]
#[command(after_help = "\
A statement says `received`, `agreed` or `disputed` of one record, by its log,
place and hash. The record is verified first; what you sign is a DSSE envelope,
which `openssl` verifies. Give it to the operator of the log, and keep a copy:
whoever rewrites the record then has to explain it.

Exit codes: 0 signed, 1 a record does not verify and nothing was signed, 2 it
could not work.

Examples:
  adproof keys new mine --log example.com/adproof --role counterparty
  adproof ledger ack make 2026-117.html --key log.pub --keys mine \\
    --stance agreed -o acks
  adproof ledger ack make 7.json --proof 7.tlog-proof --key log.pub \\
    --keys mine \\
    --stance disputed --reason 'not our placement' -o 7.ack.json")]
#[command(override_usage = "\
adproof ledger ack make [OPTIONS] --stance <STANCE> --key <FILE>
                               --keys <DIR> <BUNDLE|RECORD>")]
struct MakeArgs {
    /// A bundle (page or zip), or a record as its DSSE envelope.
    #[arg(value_name = "BUNDLE|RECORD")]
    file: PathBuf,

    /// The C2SP tlog-proof of the record, where FILE is one.
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,

    /// What you say.
    #[arg(long, value_enum)]
    stance: StanceName,

    /// Why, in words. It stands in the log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,

    /// Only of this record of a bundle. May be given more than once [default: of all decisions].
    #[arg(long = "record", value_name = "SEQ")]
    records: Vec<u64>,

    /// Public keys of the log that you trust, as its operator gave them to you.
    #[arg(long = "key", value_name = "FILE", required = true)]
    trusted: Vec<PathBuf>,

    /// The folder with your key of role counterparty.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,

    /// Where to write: a file for one statement, a folder for more [default: standard output].
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Whose time the statement carries: `system`, or `fixed:TIME`.
    #[arg(long, value_name = "CLOCK", value_parser = clock, default_value = "system")]
    clock: ClockChoice,

    #[command(flatten)]
    access: AccessArgs,
}

/// Arguments of `adproof ledger ack add`.
#[derive(Debug, Args)]
#[command(after_help = "\
A statement is taken if a key verifies it that you trust (`keys add` takes such
keys into your log.pub), and if the record that it names is there with that
hash. All are taken or none; one that the log has already is not written again.

Exit codes: 0 taken, 1 one of them does not hold, 2 it could not work.

Example:
  adproof ledger ack add acks/*.json --ledger ledger --keys keys")]
struct AddArgs {
    /// The statements.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The ledger.
    #[arg(long, value_name = "LEDGER")]
    ledger: PathBuf,

    /// The folder with the private keys of the log.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,

    /// The other party's public keys [default: those of role counterparty in log.pub].
    #[arg(long = "key", value_name = "FILE")]
    trusted: Vec<PathBuf>,

    /// Whose time the records carry: `system`, or `fixed:TIME`.
    #[arg(long, value_name = "CLOCK", value_parser = clock, default_value = "system")]
    clock: ClockChoice,

    #[command(flatten)]
    access: AccessArgs,
}

/// The names of stances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StanceName {
    /// You have the record.
    Received,
    /// You agree with it.
    Agreed,
    /// You do not.
    Disputed,
}

impl From<StanceName> for Stance {
    fn from(name: StanceName) -> Self {
        match name {
            StanceName::Received => Self::Received,
            StanceName::Agreed => Self::Agreed,
            StanceName::Disputed => Self::Disputed,
        }
    }
}

pub(super) fn run(args: &AckArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.verb {
        AckVerb::Make(args) => make(args, out),
        AckVerb::Add(args) => add(args, out),
    }
}

fn make(args: &MakeArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let trusted = trusted_of(&args.trusted, None, out)?;
    let records = match verified(args, &trusted)? {
        Ok(records) => records,
        Err(problems) => {
            writeln!(out, "FAILED: nothing was signed")?;
            for problem in problems {
                writeln!(out, "  {}", safe(&problem))?;
            }
            return Ok(Exit::Findings);
        }
    };
    guard(out);
    let key =
        open_role(&args.keys, Role::Counterparty, &args.access.read()?, &KeyLimits::default());
    let key = key.map_err(keys_failure)?;
    keys_are_read();
    let time_us = args.clock.clock().now().wall_us;
    let mut made = Vec::new();
    for record in &records {
        made.push((record.record().seq, sign(args, record, key.signer.as_ref(), time_us)?));
    }
    match (&args.output, made.as_slice()) {
        (None, [(_, one)]) => {
            // Byte for byte the envelope, so that it can be sent on as it is.
            out.write_all(one)?;
        }
        (None, _) => {
            return Err(Failure::new(format!("there are {} statements to write", made.len()))
                .at("--output")
                .todo("name a folder for them, or one record with --record")
                .into());
        }
        (Some(path), [(_, one)]) if !path.is_dir() => write_file(path, one)?,
        (Some(path), _) => {
            std::fs::create_dir_all(path).map_err(|error| {
                Failure::new(format!("the folder cannot be made: {error}")).at(path.display())
            })?;
            for (seq, one) in &made {
                write_file(&path.join(format!("{seq}.ack.json")), one)?;
            }
        }
    }
    out.note(format_args!(
        "{} of {} by {}",
        Stance::from(args.stance).as_str(),
        records.iter().map(|one| one.record().seq.to_string()).collect::<Vec<_>>().join(", "),
        key.public.name()
    ));
    Ok(Exit::Clean)
}

fn sign(
    args: &MakeArgs,
    record: &VerifiedRecord,
    key: &dyn Signer,
    time_us: i64,
) -> anyhow::Result<Vec<u8>> {
    let statement = AckStatement {
        leaf: record.leaf(),
        log: record.record().log.clone(),
        reason: args.reason.clone(),
        seq: record.record().seq,
        stance: args.stance.into(),
        time_us,
    };
    let ack = statement.sign(key).map_err(|error| {
        Failure::new(error.to_string()).todo("shorten the reason, or see to the signer")
    })?;
    Ok(ack.to_envelope()?)
}

/// The records that are spoken of, each verified; or what is wrong with them.
fn verified(
    args: &MakeArgs,
    trusted: &TrustedKeys,
) -> anyhow::Result<Result<Vec<VerifiedRecord>, Vec<String>>> {
    let cannot = |what: String| {
        Failure::new(what)
            .at(args.file.display())
            .todo("give a bundle, or a record that `ledger prove --record` wrote with its --proof")
    };
    let bytes = read_file(&args.file, inline::Limits::default().text_bytes)?;
    if let Some(proof) = &args.proof {
        let envelope = Some(&bytes).filter(|bytes| bytes.len() <= MAX_RECORD_FILE_BYTES);
        let envelope = envelope.and_then(|bytes| Envelope::parse(bytes).ok());
        let envelope =
            envelope.ok_or_else(|| cannot("it is not the DSSE envelope of a record".to_owned()))?;
        let text = read_file(proof, 2 * MAX_NOTE_BYTES)?;
        let proof = TlogProof::parse(&text).map_err(|error| {
            Failure::new(format!("the proof: {error}"))
                .at(proof.display())
                .todo("give what `adproof ledger prove` wrote")
        })?;
        let one = VerifiedRecord::verify(trusted, &envelope.payload, &envelope.signatures, &proof);
        let told = |error| vec![format!("record {}: {error}", proof.index)];
        return Ok(one.map(|one| vec![one]).map_err(told));
    }
    let sent = read_sent(&bytes, &SentLimits::default());
    let files = sent.map_err(|error| cannot(format!("the bundle cannot be read: {error}")))?.files;
    let report = bundle::verify(&files, trusted);
    if !report.is_good() {
        let told = report.problems.iter().map(|(record, fault)| match record {
            Some(record) => format!("record {record}: {fault}"),
            None => fault.to_string(),
        });
        return Ok(Err(told.collect()));
    }
    let wanted = |one: &VerifiedRecord| match args.records.as_slice() {
        [] => one.record().decision().is_some(),
        some => some.contains(&one.record().seq),
    };
    let records: Vec<VerifiedRecord> =
        report.records.into_iter().map(|one| one.verified).filter(wanted).collect();
    let missing =
        args.records.iter().find(|seq| !records.iter().any(|one| one.record().seq == **seq));
    if let Some(seq) = missing {
        return Err(cannot(format!("record {seq} is not in it")).into());
    }
    if records.is_empty() {
        return Err(cannot("there is no decision in it".to_owned()).into());
    }
    Ok(Ok(records))
}

fn add(args: &AddArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let mut acks = Vec::new();
    for path in &args.files {
        acks.push((path, read_ack(path)?));
    }
    let keys = open_signing_keys(&args.keys, &args.access, out)?;
    let trusted = keys.trusted().clone();
    let others = counterparties(args, &trusted)?;
    let known = Known::read(&args.ledger, &acks)?;
    let mut told = Vec::new();
    let mut bodies = Vec::new();
    let clock = args.clock.clock();
    for (path, ack) in &acks {
        let fault = known.fault(ack, &trusted, &others);
        let at = known.already(ack);
        let body = Body::Ack(ack.clone());
        let repeated = at.is_some() || bodies.iter().any(|(other, _)| *other == body);
        let outcome = match (&fault, repeated) {
            (Some(_), _) => "refused",
            (None, true) => "already",
            (None, false) => "recorded",
        };
        if outcome == "recorded" {
            bodies.push((body, clock.now()));
        }
        told.push(AckV1::new(&path.display().to_string(), ack, outcome, fault, at));
    }
    let refused = told.iter().any(|one| one.outcome == "refused");
    if refused {
        for one in told.iter_mut().filter(|one| one.outcome == "recorded") {
            one.outcome = "not_recorded";
        }
    } else {
        let heads = keys.heads();
        let (signers, _) = keys.into_signers();
        let now = clock.now();
        let mut writer = open_writer(&args.ledger, false, (signers, &trusted, &heads), &now)?;
        let places = writer.append_bodies(bodies).map_err(store_failure)?;
        writer.close().map_err(store_failure)?;
        let recorded = told.iter_mut().filter(|one| one.outcome == "recorded");
        for (one, place) in recorded.zip(places) {
            one.at = Some(place.seq);
        }
    }
    let document = LedgerAckV1::new(trusted.log(), told);
    if format == Format::Json {
        out.json(&document)?;
    } else {
        show(&document, out)?;
    }
    Ok(if refused { Exit::Findings } else { Exit::Clean })
}

fn show(document: &LedgerAckV1, out: &mut Out) -> anyhow::Result<()> {
    for one in &document.acks {
        let at = one.at.map_or_else(String::new, |at| format!(" as record {at}"));
        let message = one.message.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        writeln!(
            out,
            "record {}  {}  {}{at}{}",
            one.record,
            one.stance,
            one.outcome.replace('_', " "),
            safe(&message)
        )?;
    }
    Ok(())
}

fn read_ack(path: &Path) -> anyhow::Result<Ack> {
    let bytes = read_file(path, MAX_ACK_FILE_BYTES)?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Ack::parse_envelope(bytes).map_err(|error| {
        Failure::new(format!("it is no signed statement: {error}"))
            .at(path.display())
            .todo("give what `adproof ledger ack make` wrote")
            .into()
    })
}

/// The keys of other parties that are trusted.
fn counterparties(args: &AddArgs, trusted: &TrustedKeys) -> anyhow::Result<Vec<PublicKey>> {
    let mut keys = trusted.counterparty_keys().to_vec();
    for path in &args.trusted {
        let text = String::from_utf8_lossy(&read_file(path, MAX_ACK_FILE_BYTES)?).into_owned();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let key = NamedKey::parse_vkey(line).map_err(|error| {
                Failure::new(error.to_string())
                    .at(path.display())
                    .todo("give C2SP vkeys, as `adproof keys export` writes them")
            })?;
            if key.role() == Role::Counterparty {
                keys.push(*key.key());
            }
        }
    }
    if keys.is_empty() {
        return Err(Failure::new("no key of the other party is known")
            .at(args.keys.display())
            .todo("take it in with `adproof keys add`, or give it with --key")
            .into());
    }
    Ok(keys)
}

/// What the ledger holds of the records that statements name.
struct Known {
    leaves: Vec<(u64, adproof_ledger::Hash)>,
    acks: Vec<(u64, Ack)>,
}

impl Known {
    fn read(ledger: &Path, asked: &[(&PathBuf, Ack)]) -> anyhow::Result<Self> {
        let mut known = Self { leaves: Vec::new(), acks: Vec::new() };
        let reader = open(ledger)?;
        for (_, ack) in asked {
            let seq = ack.statement.seq;
            match reader.record(seq) {
                Ok(frame) => known.leaves.push((seq, record_hash(&frame.entry))),
                // That there is none is a fault of the statement.
                Err(StoreError::NoRecord { .. }) => {}
                Err(error) => return Err(store_failure(error)),
            }
        }
        of_type(&reader, "ack", |seq, record| {
            if let Body::Ack(ack) = record.body {
                known.acks.push((seq, ack));
            }
        })?;
        Ok(known)
    }

    /// Why a statement is not taken.
    fn fault(&self, ack: &Ack, trusted: &TrustedKeys, others: &[PublicKey]) -> Option<String> {
        let statement = &ack.statement;
        if statement.log != trusted.log() {
            return Some(format!("it is about the log `{}`", statement.log));
        }
        let Some(key) = others.iter().find(|key| key.id() == ack.kid) else {
            return Some(format!("its key {} is not one of the other party's", ack.kid));
        };
        if ack.verify(key).is_err() {
            return Some("its signature does not fit".to_owned());
        }
        match self.leaves.iter().find(|(seq, _)| *seq == statement.seq) {
            None => Some("there is no such record".to_owned()),
            Some((_, leaf)) if *leaf != statement.leaf => {
                Some("it is about another record in this place".to_owned())
            }
            Some(_) => None,
        }
    }

    /// Where the same statement stands already.
    fn already(&self, ack: &Ack) -> Option<u64> {
        self.acks.iter().find(|(_, other)| other == ack).map(|(seq, _)| *seq)
    }
}
