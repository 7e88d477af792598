//! `adproof demo`: the whole way on the shipped data, told to somebody who has never seen it.

mod attack;
mod shipped;
mod tour;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
The data is invented and lies in documentation address space. The demo needs no
network, writes into a temporary folder and removes it at its end.

Examples:
  adproof demo
  adproof demo --keep tour")]
pub(crate) struct DemoArgs {
    /// Keeps everything in this folder, which must be new or empty: the data, the keys, the
    /// ledger and what opens its records.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub(crate) fn run(args: &DemoArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let started = Instant::now();
    let Some(keep) = &args.keep else {
        let folder = tempfile::Builder::new()
            .prefix("adproof-demo-")
            .tempdir()
            .context("making a temporary folder")?;
        return tour::take(folder.path(), None, started, out);
    };
    let used = keep.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if used || keep.is_file() {
        return Err(Failure::new("the folder to keep the demo in is not empty")
            .at(keep.display())
            .todo("name a new folder, or empty this one")
            .into());
    }
    std::fs::create_dir_all(keep)
        .with_context(|| format!("making the folder {}", keep.display()))?;
    tour::take(keep, Some(keep), started, out)
}
