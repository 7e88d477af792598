//! `adproof ledger reindex`: makes the index of a ledger anew.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::open;
use crate::keyring::store_failure;
use crate::out::{Exit, Format, Out};

/// Arguments of `adproof ledger reindex`.
#[derive(Debug, Args)]
#[command(after_help = "\
The index is the file `index.redb` in the ledger. `adproof ledger show` finds
records by it and brings it up to date by itself. It is never the truth: it may
be deleted, and nothing that is verified depends on it.

Examples:
  adproof ledger reindex ledger")]
pub(super) struct ReindexArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,
}

pub(super) fn run(args: &ReindexArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let records = open(&args.ledger)?.reindex().map_err(store_failure)?;
    writeln!(out, "indexed {records} records")?;
    Ok(Exit::Clean)
}
