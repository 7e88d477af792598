//! `adproof keys add`, `rotate` and `revoke`: what the root key says in the log.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::keys::{
    Access, Limits, PUBLIC_FILE, Rotation, SignerCommand, add_public, heads, keys_are_read,
    open_role, public_keys, read_public,
};
use adproof_edge::store::{KEYS_FILE, LedgerWriter, Signers};
use adproof_ledger::{
    Body, Hash, KeyAction, KeyChange, NamedKey, PublicKey, Record, RecordTime, Role, Signer,
    TrustedKeys,
};
use adproof_wire::keys::{KeyChangeV1, KeyRecordV1};
use clap::{Args, ValueEnum};

use super::ProtectionArgs;
use crate::keyring::{AccessArgs, guard, keys_failure, open_writer, signer, store_failure};
use crate::out::{Exit, Failure, Format, Out};
use crate::verb::decide::journal::{ClockChoice, clock};
use crate::verb::ledger::open;

/// Where a change is written and who signs it.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// The ledger of the log.
    #[arg(long, value_name = "LEDGER")]
    ledger: PathBuf,

    /// The folder that holds root.key [default: DIR].
    #[arg(long, value_name = "ROOT_DIR")]
    root: Option<PathBuf>,

    /// Why, in words. It stands in the log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,

    /// Whose time the record carries: `system`, or `fixed:TIME`.
    #[arg(long, value_name = "CLOCK", value_parser = clock, default_value = "system")]
    clock: ClockChoice,
}

/// Arguments of `adproof keys add`.
#[derive(Debug, Args)]
#[command(after_help = "\
The other party makes a key of its own with `keys new … --role counterparty` and
gives you its log.pub. Behind the record, whoever trusts your root knows that
key.

Example:
  adproof keys add keys theirs.pub --ledger ledger --root /media/root")]
pub(super) struct AddArgs {
    /// The folder with the keys of the log.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The public keys: C2SP vkeys of role counterparty.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    log: LogArgs,

    #[command(flatten)]
    access: AccessArgs,
}

/// Arguments of `adproof keys rotate`.
#[derive(Debug, Args)]
#[command(after_help = "\
A new key is made and added to the log, the old one is retired there, both
signed by the root; the old file stays beside it as ROLE-….key.old. What the old
key has signed goes on to verify. A rotation that was cut off is finished by
running it again; until then nobody can sign.

Examples:
  adproof keys rotate keys --role record --ledger ledger
  adproof keys rotate keys --role checkpoint --ledger ledger --root /media/root
  adproof keys rotate keys --role record --ledger ledger \\
    --signer 'record=./hsm.sh slot-2'")]
pub(super) struct RotateArgs {
    /// The folder with the keys of the log.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The key to change.
    #[arg(long, value_enum)]
    role: WritingRole,

    #[command(flatten)]
    log: LogArgs,

    #[command(flatten)]
    next: NextArgs,
}

/// The key that comes.
#[derive(Debug, Args)]
pub(super) struct NextArgs {
    #[command(flatten)]
    protection: ProtectionArgs,

    /// A program that holds the new key of the role; or the key of another role, as it is.
    #[arg(long = "signer", value_name = "ROLE=COMMAND", value_parser = signer)]
    signers: Vec<(Role, SignerCommand)>,
}

impl NextArgs {
    fn access(&self) -> anyhow::Result<Access> {
        let passphrase = self.protection.passphrase.read()?;
        Ok(Access { passphrase, signers: self.signers.clone(), ..Access::default() })
    }
}

/// Arguments of `adproof keys revoke`.
#[derive(Debug, Args)]
#[command(after_help = "\
A record that a revoked key has signed stands only under a checkpoint that
somebody else has held or countersigned before the revocation. The key that
signs now is replaced in the same step.

Examples:
  adproof keys revoke keys --role record --ledger ledger --from-seq 1200 \\
    --reason 'laptop lost'
  adproof keys revoke keys --kid 5f0c1a22 --ledger ledger \\
    --reason 'their key leaked'")]
pub(super) struct RevokeArgs {
    /// The folder with the keys of the log.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The key that signs now, by its role.
    #[arg(long, value_enum, required_unless_present = "kid")]
    role: Option<WritingRole>,

    /// Another key of the log, by its id or the beginning of it.
    #[arg(long, value_name = "HEX", conflicts_with = "role")]
    kid: Option<String>,

    /// The first record that somebody else may have signed [default: the next].
    #[arg(long, value_name = "SEQ")]
    from_seq: Option<u64>,

    #[command(flatten)]
    log: LogArgs,

    #[command(flatten)]
    next: NextArgs,
}

/// The roles whose keys write the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WritingRole {
    /// Signs records.
    Record,
    /// Signs checkpoints.
    Checkpoint,
}

impl From<WritingRole> for Role {
    fn from(role: WritingRole) -> Self {
        match role {
            WritingRole::Record => Self::Record,
            WritingRole::Checkpoint => Self::Checkpoint,
        }
    }
}

pub(super) fn add(args: &AddArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let limits = Limits::default();
    let keys = read_counterparties(&args.file)?;
    guard(out);
    let access = args.access.read()?;
    let place = Place { folder: &args.folder, log: &args.log, access: &access };
    let name = place.log_name()?;
    let known = place.added(Role::Counterparty)?;
    let root = place.root()?;
    let new: Vec<NamedKey> =
        keys.iter().filter(|key| !known.contains(key.key())).cloned().collect();
    add_public(&args.folder, &name, keys, &limits).map_err(keys_failure)?;
    let mut writer = place.open(None)?;
    let size = writer.size();
    let changes = new.iter().map(|key| place.change(KeyAction::Add, Role::Counterparty, key, size));
    let told = place.append(&mut writer, root.as_ref(), &changes.collect::<Vec<_>>())?;
    writer.close().map_err(store_failure)?;
    if told.is_empty() {
        out.note("note: the log has these keys already");
    }
    tell(&name, told, format, out)
}

fn read_counterparties(path: &Path) -> anyhow::Result<Vec<NamedKey>> {
    let cannot = |what: String| {
        Failure::new(what)
            .at(path.display())
            .todo("give the log.pub that `adproof keys new --role counterparty` made")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| cannot(format!("the keys cannot be read: {error}")))?;
    let mut keys = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let key = NamedKey::parse_vkey(line).map_err(|error| cannot(error.to_string()))?;
        if key.role() != Role::Counterparty {
            return Err(cannot(format!("the key of `{}` is no counterparty's", key.name())).into());
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(cannot("there is no key in it".to_owned()).into());
    }
    Ok(keys)
}

pub(super) fn rotate(args: &RotateArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let access = args.next.access()?;
    let place = Place { folder: &args.folder, log: &args.log, access: &access };
    let end = (KeyAction::Retire, None);
    let told = replace(&place, args.role.into(), &args.next.protection, end, out)?;
    tell(&place.log_name()?, told, format, out)
}

pub(super) fn revoke(args: &RevokeArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let access = args.next.access()?;
    let place = Place { folder: &args.folder, log: &args.log, access: &access };
    let role = match (args.role, &args.kid) {
        (Some(role), _) => Some(role.into()),
        (None, kid) => {
            let key = place.by_kid(kid.as_deref().unwrap_or_default())?;
            if !place.signs_now(&key)? {
                guard(out);
                let told = place.revoke(&key, args.from_seq)?;
                return tell(&place.log_name()?, told, format, out);
            }
            Some(key.role())
        }
    };
    let role = role.unwrap_or(Role::Record);
    let end = (KeyAction::Revoke, args.from_seq);
    let told = replace(&place, role, &args.next.protection, end, out)?;
    tell(&place.log_name()?, told, format, out)
}

/// Puts a new key into the place of one. `end` is what the log says of the old key, and from
/// which record on.
fn replace(
    place: &Place<'_>,
    role: Role,
    protection: &ProtectionArgs,
    end: (KeyAction, Option<u64>),
    out: &Out,
) -> anyhow::Result<Vec<KeyRecordV1>> {
    let limits = Limits::default();
    guard(out);
    // What can be wrong comes first: from the new key on, nobody can sign until the end.
    let (name, root) = (place.log_name()?, place.root()?);
    open(&place.log.ledger)?;
    let protection = protection.read(place.folder)?;
    let how = (place.access, &protection);
    let rotation = Rotation::begin(place.folder, &name, role, how, &limits);
    let rotation = rotation.map_err(keys_failure)?;
    let told = if place.added(role)?.contains(&rotation.new) {
        out.note("note: the log has the new key already; it is put into its place");
        Vec::new()
    } else {
        record(place, role, &rotation, root.as_ref(), end)?
    };
    rotation.finish(&limits).map_err(keys_failure)?;
    Ok(told)
}

/// Writes into the log that one key gives way to another.
fn record(
    place: &Place<'_>,
    role: Role,
    rotation: &Rotation,
    root: &dyn Signer,
    (action, from_seq): (KeyAction, Option<u64>),
) -> anyhow::Result<Vec<KeyRecordV1>> {
    let limits = Limits::default();
    let Some(old) = rotation.old else {
        return Err(Failure::new(format!("there is no {} key to replace", role.as_str()))
            .at(place.folder.display())
            .todo("restore the key file from a backup")
            .into());
    };
    let signer = rotation.old_signer(place.access, &limits).map_err(keys_failure)?;
    let mut writer = place.open(Some((role, signer)))?;
    let named = |key| NamedKey::of_role(writer.log(), role, key);
    let (Some(old), Some(new)) = (named(old), named(rotation.new)) else {
        return Err(Failure::new("the log has a name that no key can have").into());
    };
    let text = std::fs::read_to_string(place.log.ledger.join(KEYS_FILE))?;
    let both = TrustedKeys::parse(&format!("{text}\n{}\n", new.to_vkey()));
    let both = both.map_err(|error| Failure::new(error.to_string()))?;
    writer.publish_keys(&both).map_err(store_failure)?;
    if role == Role::Checkpoint {
        // The checkpoint over the change is signed by the key that the change brings: a revoked
        // one signs none any more.
        writer.close().map_err(store_failure)?;
        let signer = rotation.new_signer(place.access, &limits).map_err(keys_failure)?;
        writer = place.open(Some((role, signer)))?;
    }
    let size = writer.size();
    let behind = size.saturating_add(2);
    let until = match action {
        KeyAction::Revoke => from_seq.unwrap_or(size),
        _ => behind,
    };
    let changes =
        [place.change(KeyAction::Add, role, &new, behind), place.change(action, role, &old, until)];
    let told = place.append(&mut writer, root, &changes)?;
    writer.close().map_err(store_failure)?;
    Ok(told)
}

/// The keys, the ledger, and what opens them.
struct Place<'a> {
    folder: &'a Path,
    log: &'a LogArgs,
    access: &'a Access,
}

impl Place<'_> {
    fn trusted(&self) -> anyhow::Result<TrustedKeys> {
        let path = self.folder.join(PUBLIC_FILE);
        read_public(&path, &Limits::default()).map_err(keys_failure)
    }

    fn log_name(&self) -> anyhow::Result<String> {
        Ok(self.trusted()?.log().to_owned())
    }

    fn now(&self) -> RecordTime {
        self.log.clock.clock().now()
    }

    /// Opens the ledger with the folder's keys, one of which may be another.
    fn open(&self, instead: Option<(Role, Box<dyn Signer>)>) -> anyhow::Result<LedgerWriter> {
        let limits = Limits::default();
        let open = |role| {
            let key = open_role(self.folder, role, self.access, &limits);
            key.map(|key| key.signer).map_err(keys_failure)
        };
        let signers = match instead {
            Some((Role::Checkpoint, checkpoint)) => {
                Signers { record: open(Role::Record)?, checkpoint }
            }
            Some((_, record)) => Signers { record, checkpoint: open(Role::Checkpoint)? },
            None => Signers { record: open(Role::Record)?, checkpoint: open(Role::Checkpoint)? },
        };
        keys_are_read();
        let (trusted, heads) = (self.trusted()?, heads(self.folder));
        open_writer(&self.log.ledger, false, (signers, &trusted, &heads), &self.now())
    }

    /// The root key, which the log must have known from its beginning.
    fn root(&self) -> anyhow::Result<Box<dyn Signer>> {
        let at = self.log.root.as_deref().unwrap_or(self.folder);
        let root = open_role(at, Role::Root, self.access, &Limits::default());
        let root = root.map_err(keys_failure)?;
        if !self.trusted()?.root_keys().contains(root.public.key()) {
            let public = self.folder.join(PUBLIC_FILE);
            return Err(Failure::new("this root key is not that of the log")
                .at(at.display())
                .todo(format!("give the folder with the root key that {} names", public.display()))
                .into());
        }
        Ok(root.signer)
    }

    /// The keys of a role that the log's key records add.
    fn added(&self, role: Role) -> anyhow::Result<Vec<PublicKey>> {
        let mut keys = Vec::new();
        let read = open(&self.log.ledger)?.each(|_, frame| {
            if let Ok(Record { body: Body::Key(change), .. }) = Record::parse(&frame.entry)
                && (change.role, change.action) == (role, KeyAction::Add)
                && let Ok(key) = PublicKey::from_bytes(change.public.as_bytes())
            {
                keys.push(key);
            }
        });
        read.map_err(store_failure)?;
        Ok(keys)
    }

    fn by_kid(&self, kid: &str) -> anyhow::Result<NamedKey> {
        let keys = public_keys(self.folder, &Limits::default()).map_err(keys_failure)?.signing;
        let cannot = |what: &str| {
            Failure::new(format!("{what} `{kid}`"))
                .at(self.folder.join(PUBLIC_FILE).display())
                .todo("`adproof keys export DIR --output-format json` lists the ids")
        };
        let mut found = keys.into_iter().filter(|key| key.key().id().to_string().starts_with(kid));
        let key = found.next().ok_or_else(|| cannot("there is no key"))?;
        if found.next().is_some() {
            return Err(cannot("more than one key begins with").into());
        }
        if key.role() == Role::Root {
            return Err(cannot("a root does not revoke itself; make a new log behind").into());
        }
        Ok(key)
    }

    /// Whether the folder signs with this key now.
    fn signs_now(&self, key: &NamedKey) -> anyhow::Result<bool> {
        let role = key.role();
        if !matches!(role, Role::Record | Role::Checkpoint) {
            return Ok(false);
        }
        let now = open_role(self.folder, role, self.access, &Limits::default());
        Ok(now.map_err(keys_failure)?.public == *key)
    }

    /// Revokes a key that signs nothing of this log any more, or never did.
    fn revoke(&self, key: &NamedKey, from_seq: Option<u64>) -> anyhow::Result<Vec<KeyRecordV1>> {
        let root = self.root()?;
        let mut writer = self.open(None)?;
        let from_seq = from_seq.unwrap_or(writer.size());
        let change = self.change(KeyAction::Revoke, key.role(), key, from_seq);
        let told = self.append(&mut writer, root.as_ref(), &[change])?;
        writer.close().map_err(store_failure)?;
        Ok(told)
    }

    fn change(&self, action: KeyAction, role: Role, key: &NamedKey, from_seq: u64) -> KeyChange {
        let (public, reason) = (Hash::new(*key.key().as_bytes()), self.log.reason.clone());
        KeyChange { action, from_seq, public, reason, role }
    }

    fn append(
        &self,
        writer: &mut LedgerWriter,
        root: &dyn Signer,
        changes: &[KeyChange],
    ) -> anyhow::Result<Vec<KeyRecordV1>> {
        let timed = changes.iter().map(|change| (change.clone(), self.now())).collect();
        let places = writer.append_key_changes(root, timed).map_err(store_failure)?;
        let told = places.iter().zip(changes).filter_map(|(place, change)| {
            let key = PublicKey::from_bytes(change.public.as_bytes()).ok()?;
            Some(KeyRecordV1::new(place.seq, key.id(), change))
        });
        Ok(told.collect())
    }
}

fn tell(
    log: &str,
    records: Vec<KeyRecordV1>,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    if format == Format::Json {
        out.json(&KeyChangeV1::new(log, records))?;
        return Ok(Exit::Clean);
    }
    for record in &records {
        writeln!(
            out,
            "record {}  {} {} key from record {}\n  {}",
            record.seq, record.action, record.role, record.from_seq, record.kid
        )?;
    }
    Ok(Exit::Clean)
}
