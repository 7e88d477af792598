//! `adproof keys`: makes, exports and changes the keys of a log.

mod change;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::keys::{
    KeysError, LOG_ROLES, Limits, PUBLIC_FILE, Protection, PublicHalf, SignerCommand, adopt_signer,
    create, public_keys,
};
use adproof_ledger::{NamedKey, Role};
use adproof_wire::keys::{KeyV1, KeysV1};
use clap::{Args, Subcommand, ValueEnum};

use crate::keyring::{PassphraseArgs, guard, keys_failure, signer, write_file};
use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof keys`.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    verb: KeysVerb,
}

#[derive(Debug, Subcommand)]
enum KeysVerb {
    /// Makes keys in a folder: all that a log needs, or those of single roles.
    New(NewArgs),
    /// Writes the public keys, for those who verify.
    Export(ExportArgs),
    /// Takes public keys of the other party into the folder, and into the log.
    Add(change::AddArgs),
    /// Puts a new key into the place of one, and says so in the log.
    Rotate(change::RotateArgs),
    /// Tells the log that a key is not to be trusted any more.
    Revoke(change::RevokeArgs),
}

/// Arguments of `adproof keys new`.
#[derive(Debug, Args)]
#[command(after_help = "\
Private keys are PKCS#8 PEM, mode 0600, encrypted with scrypt and AES-256 unless
told otherwise: `openssl pkey -in keys/record.key` opens them. Keep the folder
apart from the ledger: it also holds the last checkpoint that was signed, which
keeps a ledger restored from a backup from signing a second history. Keep
root.key somewhere else: it only signs changes of the other keys.

A key can stay in an HSM or a cloud's key service: a program of yours signs with
it. It is started once and answers each line on its standard input with one on
its standard output:

  public             ok BASE64     the public key, SubjectPublicKeyInfo in DER
  sign KID BASE64    ok BASE64     the Ed25519 signature over the bytes
                     error TEXT    instead of `ok`: why not

Examples:
  ADPROOF_PASSPHRASE=… adproof keys new keys --log example.com/adproof
  adproof keys new keys --log example.com/adproof --passphrase-file passphrase
  adproof keys new mine --log example.com/adproof --role counterparty
  adproof keys new keys --log example.com/adproof \\
    --signer 'record=./hsm.sh slot-1'
  adproof keys new /tmp/try --log localhost/try --no-passphrase")]
struct NewArgs {
    /// The folder, which is made.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The log's name: a URL without scheme that its operator owns, such as example.com/adproof.
    /// It need not be reachable.
    #[arg(long, value_name = "NAME")]
    log: String,

    /// Makes only the key of this role. May be given more than once [default: record, checkpoint,
    /// root and evidence].
    #[arg(long = "role", value_enum, value_name = "ROLE")]
    roles: Vec<RoleName>,

    /// A program that holds the key of a role: 'record=COMMAND ARGS'. No key is made for it.
    #[arg(long = "signer", value_name = "ROLE=COMMAND", value_parser = signer)]
    signers: Vec<(Role, SignerCommand)>,

    #[command(flatten)]
    protection: ProtectionArgs,
}

/// How new private keys are protected.
#[derive(Debug, Args)]
struct ProtectionArgs {
    /// Leaves the private keys readable for everyone who can read the disk.
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl ProtectionArgs {
    fn read(&self, folder: &Path) -> anyhow::Result<Protection> {
        if self.no_passphrase {
            return Ok(Protection::Plain);
        }
        let passphrase = self.passphrase.read()?.ok_or_else(|| {
            Failure::new("there is no passphrase to protect the private keys with")
                .at(folder.display())
                .todo(
                    "set ADPROOF_PASSPHRASE, give --passphrase-file FILE, or say --no-passphrase \
                     to leave them readable",
                )
        })?;
        Ok(Protection::Passphrase(passphrase))
    }
}

/// The names of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// Signs records.
    Record,
    /// Signs checkpoints.
    Checkpoint,
    /// Signs changes of keys.
    Root,
    /// Countersigns the checkpoints of others.
    Witness,
    /// The secret behind salts and keyed names.
    Evidence,
    /// Signs acknowledgements: the other party's.
    Counterparty,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Record => Self::Record,
            RoleName::Checkpoint => Self::Checkpoint,
            RoleName::Root => Self::Root,
            RoleName::Witness => Self::Witness,
            RoleName::Evidence => Self::Evidence,
            RoleName::Counterparty => Self::Counterparty,
        }
    }
}

/// Arguments of `adproof keys export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # what `ledger verify --key` takes
  adproof keys export keys > log.pub
  adproof keys export keys --format spki        # for openssl
  adproof keys export keys --format openssh --role record")]
struct ExportArgs {
    /// The folder with the keys, or a ledger.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The form.
    #[arg(long, visible_alias = "form", value_enum, default_value_t = Form::Vkey)]
    format: Form,

    /// Only the keys of this role. May be given more than once.
    #[arg(long = "role", value_enum, value_name = "ROLE")]
    roles: Vec<RoleName>,

    /// Writes to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How public keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// C2SP vkeys, one a line: what adproof verifies with.
    Vkey,
    /// SubjectPublicKeyInfo in PEM: what openssl reads.
    #[value(alias = "pem")]
    Spki,
    /// One line of OpenSSH a key.
    Openssh,
}

pub(crate) fn run(args: &KeysArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.verb {
        KeysVerb::New(args) => new(args, out),
        KeysVerb::Export(args) => export(args, out),
        KeysVerb::Add(args) => change::add(args, out),
        KeysVerb::Rotate(args) => change::rotate(args, out),
        KeysVerb::Revoke(args) => change::revoke(args, out),
    }
}

fn new(args: &NewArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let mut roles: Vec<Role> = args.roles.iter().map(|role| (*role).into()).collect();
    if roles.is_empty() {
        roles = LOG_ROLES.to_vec();
    }
    roles.retain(|role| !args.signers.iter().any(|(held, _)| held == role));
    let protection =
        if roles.is_empty() { Protection::Plain } else { args.protection.read(&args.folder)? };
    guard(out);
    let limits = Limits::default();
    let made = create(&args.folder, &args.log, &roles, &protection, &limits);
    let mut halves = made.map_err(keys_failure)?;
    for (role, command) in &args.signers {
        let half = adopt_signer(&args.folder, &args.log, *role, command, &limits);
        halves.push(half.map_err(keys_failure)?);
        roles.push(*role);
    }
    let keys = halves.iter().zip(&roles).map(|(half, role)| key(half, *role, &args.log));
    let document = KeysV1 { schema: "adproof.keys/1", log: args.log.clone(), keys: keys.collect() };
    if format == Format::Json {
        out.json(&document)?;
        return Ok(Exit::Clean);
    }
    writeln!(out, "log   {}", document.log)?;
    writeln!(out, "keys  {}", args.folder.display())?;
    for key in &document.keys {
        writeln!(out, "\n{}  {}", key.role, key.kid.as_deref().unwrap_or("(signs nothing)"))?;
        for line in [&key.vkey, &key.openssh].into_iter().flatten() {
            writeln!(out, "{line}")?;
        }
        write!(out, "{}", key.spki)?;
    }
    writeln!(out, "\nGive {} to those who verify.", args.folder.join(PUBLIC_FILE).display())?;
    if matches!(protection, Protection::Plain) && roles.len() > args.signers.len() {
        out.note("note: the private keys are not encrypted");
    }
    Ok(Exit::Clean)
}

/// The public forms of a key.
fn key(half: &PublicHalf, role: Role, log: &str) -> KeyV1 {
    let named = match half {
        PublicHalf::Signing(named) => Some(named),
        PublicHalf::Evidence(_) => None,
    };
    KeyV1 {
        role: role.as_str(),
        kid: named.map(|named| named.key().id().to_string()),
        spki: half.to_spki_pem(),
        openssh: named.map(|named| named.key().to_openssh(&format!("{log}/{}", role.as_str()))),
        vkey: named.map(NamedKey::to_vkey),
    }
}

fn export(args: &ExportArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let found = public_keys(&args.folder, &Limits::default()).map_err(|error| match error {
        KeysError::NoFile(path) => Failure::new("there are no public keys")
            .at(path.display())
            .todo("give a folder that `adproof keys new` made, or a ledger")
            .into(),
        error => keys_failure(error),
    })?;
    let log = found.signing.first().map_or("", NamedKey::log).to_owned();
    let signing = found.signing.into_iter().map(|key| (key.role(), PublicHalf::Signing(key)));
    let evidence = found.evidence.map(|bytes| (Role::Evidence, PublicHalf::Evidence(bytes)));
    let wanted = |role: Role| {
        // A key that is no use for verifying is written when it is asked for.
        let all = args.roles.is_empty() && (role != Role::Evidence || format == Format::Json);
        all || args.roles.iter().any(|name| Role::from(*name) == role)
    };
    let keys: Vec<KeyV1> = signing
        .chain(evidence)
        .filter(|(role, _)| wanted(*role))
        .map(|(role, half)| key(&half, role, &log))
        .collect();
    if keys.is_empty() {
        return Err(Failure::new("there is no key of this role")
            .at(args.folder.display())
            .todo("leave --role out to see all")
            .into());
    }
    if format == Format::Json {
        out.json(&KeysV1 { schema: "adproof.keys/1", log, keys })?;
        return Ok(Exit::Clean);
    }
    let mut text = String::new();
    for key in &keys {
        let form = match args.format {
            Form::Vkey => key.vkey.clone(),
            Form::Openssh => key.openssh.clone(),
            Form::Spki => {
                let kid = key.kid.as_deref().unwrap_or_default();
                Some(format!("# {} {kid}\n{}", key.role, key.spki.trim_end()))
            }
        };
        let form = form.ok_or_else(|| {
            Failure::new("an evidence key has no such form")
                .at(args.folder.display())
                .todo("say --format spki")
        })?;
        text.push_str(&form);
        text.push('\n');
    }
    match &args.output {
        Some(path) => write_file(path, text.as_bytes())?,
        None => out.write_all(text.as_bytes())?,
    }
    Ok(Exit::Clean)
}
