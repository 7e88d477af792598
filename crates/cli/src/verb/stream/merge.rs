//! `adproof stream merge`: what several streams have seen, as one tally.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::stream::{Keep, WalLimits};
use adproof_feeds::{Limits, read_feed};
use adproof_pipeline::{Part, Tallied};
use adproof_signal::Tally;
use clap::Args;

use super::state_failure;
use crate::input;
use crate::out::{Exit, Failure, Out};
use crate::verb::score::{is_feed, unread};

/// Arguments of `adproof stream merge`.
#[derive(Debug, Args)]
#[command(after_help = "\
The tally is the one that a single process makes of the same events, byte for
byte, and so is its digest: with the same feeds it is the `model` that records
pin. Folders of streams that decide and of streams that tally can be given; no
event may have gone to two of them.

Exit code 1: a part is missing.

Examples:
  adproof stream merge part0 part1 part2
  adproof stream merge part0 part1 part2 --feed feeds/ --out log.tally")]
pub(super) struct MergeArgs {
    /// State folders. No stream may be running on them.
    #[arg(required = true, value_name = "DIR")]
    states: Vec<PathBuf>,

    /// Issues of feeds that the tally begins with: files, folders or globs.
    #[arg(long = "feed", value_name = "FEED")]
    feeds: Vec<PathBuf>,

    /// Writes the canonical bytes of the tally to this file. It holds addresses; keep it as you
    /// keep your logs.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &MergeArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let feeds = feeds(&args.feeds)?;
    let mut parts = Vec::new();
    let mut all: Option<Tallied> = None;
    for folder in &args.states {
        let one = read(folder)?;
        let part = one.part();
        if parts.contains(&part) {
            return Err(Failure::new(format!("part {part} is there twice"))
                .at(folder.display())
                .todo("give each part once: what is counted twice is not what one process sees")
                .into());
        }
        parts.push(part);
        all = Some(match all {
            Some(all) => all.merge(one),
            None => one,
        });
    }
    let all = all.unwrap_or_else(|| Tallied::new(Part::WHOLE));
    let missing = missing(&parts, &args.states)?;
    let (seen, events) = all.counts();
    let (bytes, digest) = all.model(&feeds);
    if let Some(path) = &args.out {
        write(path, &bytes)?;
    }
    writeln!(out, "{digest}  {events} events, {seen} impressions, {} bytes", bytes.len())?;
    if missing.is_empty() {
        return Ok(Exit::Clean);
    }
    out.note(format_args!("missing: part {}", missing.join(", ")));
    Ok(Exit::Findings)
}

/// The parts that nobody gave, by name.
fn missing(parts: &[Part], folders: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let of = parts.first().map_or(1, |part| part.numbers().1);
    let other = parts.iter().zip(folders).find(|(part, _)| part.numbers().1 != of);
    if let Some((part, folder)) = other {
        return Err(Failure::new(format!("it is part {part}, beside parts of {of}"))
            .at(folder.display())
            .todo("give the folders of streams that were started with the same number of parts")
            .into());
    }
    let there: BTreeSet<u32> = parts.iter().map(|part| part.numbers().0).collect();
    Ok((0..of).filter(|index| !there.contains(index)).map(|i| format!("{i}/{of}")).collect())
}

fn read(folder: &Path) -> anyhow::Result<Tallied> {
    if !folder.join("taken").is_dir() {
        return Err(Failure::new("there is no state of a stream")
            .at(folder.display())
            .todo("name the folder that `adproof stream --state` was given")
            .into());
    }
    let opened = Keep::open(folder, WalLimits::default());
    let (_, _, kept) = opened.map_err(|error| state_failure(folder, &error))?;
    let state = kept.state.filter(|_| kept.behind == 0).ok_or_else(|| {
        Failure::new("the stream was killed before it wrote its state down")
            .at(folder.display())
            .todo("run it once more until it ends, or stop it with Ctrl-C")
    })?;
    Tallied::of_state(&state).map_err(|error| {
        Failure::new(format!("the stream's state cannot be read: {error}"))
            .at(folder.display())
            .todo("run the version that wrote it")
            .into()
    })
}

fn feeds(paths: &[PathBuf]) -> anyhow::Result<Tally> {
    if paths.is_empty() {
        return Ok(Tally::empty());
    }
    let mut issues = Vec::new();
    for feed in input::expand(paths, is_feed)? {
        let issue = read_feed(&feed.name, &feed.bytes, &Limits::default());
        issues.push(issue.map_err(|error| unread(&error))?);
    }
    Ok(adproof_wire::score::tally_of(&issues))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| {
        Failure::new(format!("the tally cannot be written: {error}"))
            .at(path.display())
            .todo("name a file in a folder that may be written to")
            .into()
    })
}
