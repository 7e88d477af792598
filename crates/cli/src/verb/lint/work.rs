//! Judges, mends and shows tags, many at once, and holds few of them at a time.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use adproof_model::Severity;
use adproof_vast::Fixed;
use adproof_wire::baseline::Recorder;
use adproof_wire::lint::DocumentV1;

use super::baseline::{self, Folder};
use super::queue::in_order;
use super::settings::Settings;
use super::show::{self, Look, Tally};
use super::{table, write};
use crate::input;
use crate::out::{Exit, Failure, Format, Out};

/// Files from which on a run says how fast it was.
const MANY: usize = 100;

/// Tags that were judged one after the other.
#[derive(Default)]
pub(super) struct Part {
    pub(super) tally: Tally,
    /// As they are shown, where the format shows each tag by itself.
    pub(super) text: String,
    /// As they stand in the JSON of the run.
    pub(super) json: Vec<u8>,
    /// The tags themselves, where the format puts together what is said of them.
    pub(super) documents: Vec<DocumentV1>,
}

/// One tag, judged.
struct Judged {
    document: DocumentV1,
    /// Findings that were mended.
    mended: u32,
    /// Whether its file was changed.
    changed: bool,
    /// Known findings that it has no more.
    stale: u64,
}

/// Shows what is wrong with tags; after `fix`, what remains.
pub(super) fn lint(
    tags: &[PathBuf],
    settings: &Settings,
    fix: bool,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let begun = Instant::now();
    let look = Look { format, width: out.width, styled: out.styled };
    let bar = out.progress(count(tags));
    let mut tally = Tally::default();
    let work = |tags: &[PathBuf]| {
        let part = part(tags, settings, fix, |document, bytes, part| {
            show::add(document, bytes, look, part)
        });
        bar.inc(count(tags));
        part
    };
    in_order(tags, work, |parts| show::write(parts, format, settings, &mut tally, out))?;
    bar.finish_and_clear();
    if format == Format::Table {
        table::summary(&tally, out)?;
    }
    tally.notes(settings.baseline.as_ref(), out);
    rate(tags.len(), begun, out);
    tally.exit(out)
}

/// Records what is wrong with tags, so that it is not reported again.
pub(super) fn record(
    tags: &[PathBuf],
    settings: &Settings,
    fix: bool,
    file: &Path,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let folder = Folder::of(file);
    let (mut tally, mut recorder) = (Tally::default(), Recorder::default());
    let bar = out.progress(count(tags));
    let work = |tags: &[PathBuf]| {
        let part = part(tags, settings, fix, |document, _, part| {
            part.documents.push(document);
            Ok(())
        });
        bar.inc(count(tags));
        part
    };
    in_order(tags, work, |parts| {
        for part in parts {
            tally.merge(part.tally);
            for document in &part.documents {
                recorder.add(&folder.name(&document.path), document);
            }
        }
    });
    bar.finish_and_clear();
    // A baseline without the tags that could not be read would hide nothing of theirs later.
    tally.readable(out)?;
    let baseline = recorder.finish();
    let count: u64 = baseline.findings.iter().map(|known| u64::from(known.count)).sum();
    let text = adproof_wire::text(&baseline)?;
    std::fs::write(file, text).map_err(|error| {
        Failure::new(format!("the baseline cannot be written: {error}")).at(file.display())
    })?;
    tally.notes(None, out);
    let s = if count == 1 { "" } else { "s" };
    writeln!(out, "recorded {count} finding{s} in {}", file.display())?;
    Ok(Exit::Clean)
}

/// Judges tags one after the other. What cannot be read or written is kept for the end.
fn part(
    tags: &[PathBuf],
    settings: &Settings,
    fix: bool,
    take: impl Fn(DocumentV1, &[u8], &mut Part) -> anyhow::Result<()>,
) -> Part {
    let (mut part, mut bytes) = (Part::default(), Vec::with_capacity(input::USUAL));
    for tag in tags {
        let judged = judge(tag, settings, fix, &mut bytes).and_then(|judged| {
            let Judged { document, mended, changed, stale } = judged;
            part.tally.add(&document, mended, changed, stale);
            take(document, &bytes, &mut part)
        });
        if let Err(error) = judged {
            part.tally.unreadable.push(error);
        }
    }
    part
}

/// Judges one tag, whose bytes are then in the buffer, and writes it back where that was asked for.
fn judge(
    tag: &Path,
    settings: &Settings,
    fix: bool,
    bytes: &mut Vec<u8>,
) -> anyhow::Result<Judged> {
    input::one_into(tag, bytes)?;
    let options = settings.options(tag);
    let (mut mended, mut changed) = (0, false);
    let report = if fix {
        let Fixed { bytes: after, applied, report, .. } = adproof_vast::fix(bytes, &options);
        changed = after != *bytes;
        if changed {
            write::replace(tag, &after)?;
            mended = applied.values().sum();
            *bytes = after;
        }
        report
    } else {
        adproof_vast::lint(bytes, &options)
    };
    let mut document = DocumentV1::new(&tag.to_string_lossy(), bytes, &report);
    if !settings.profiles.is_empty() {
        document = document.judged(bytes, &settings.profiles, &settings.limits);
    }
    let mut stale = 0;
    if let Some(baseline) = &settings.baseline {
        stale = baseline.hide(&mut document);
        baseline::cut(&mut document, &settings.limits);
    }
    Ok(Judged { document, mended, changed, stale })
}

fn count(tags: &[PathBuf]) -> u64 {
    u64::try_from(tags.len()).unwrap_or(u64::MAX)
}

/// Shows the change that `--fix` would make.
pub(super) fn dry_run(
    tags: &[PathBuf],
    settings: &Settings,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    /// What one tag would become.
    struct Change {
        diff: String,
        mended: u32,
        errors: bool,
    }
    let change = |tag: &PathBuf| -> anyhow::Result<Change> {
        let input = input::one(tag)?;
        let options = settings.options(tag);
        let fixed = adproof_vast::fix(&input.bytes, &options);
        let diff = if fixed.bytes == input.bytes {
            String::new()
        } else {
            let before = adproof_vast::parse(&input.bytes, &options.limits);
            let after = adproof_vast::parse(&fixed.bytes, &options.limits);
            table::diff(&input.name, before.text(), after.text())
        };
        let errors = adproof_vast::lint(&input.bytes, &options).count(Severity::Error) > 0;
        Ok(Change { diff, mended: fixed.applied.values().sum(), errors })
    };
    let (mut tally, mut errors) = (Tally::default(), false);
    let changes = |tags: &[PathBuf]| tags.iter().map(change).collect::<Vec<_>>();
    in_order(tags, changes, |changes| -> anyhow::Result<()> {
        for change in changes.flatten() {
            match change {
                Ok(change) => {
                    tally.mended += change.mended;
                    errors |= change.errors;
                    out.write_all(change.diff.as_bytes())?;
                }
                Err(error) => tally.unreadable.push(error),
            }
        }
        Ok(())
    })?;
    let mended = tally.mended;
    if mended == 0 {
        writeln!(out, "nothing to mend")?;
    } else {
        out.note(format_args!("--fix would mend {mended} finding{}", show::s(mended.into())));
    }
    tally.readable(out)?;
    Ok(if errors { Exit::Findings } else { Exit::Clean })
}

/// How fast many tags were judged.
fn rate(tags: usize, begun: Instant, out: &Out) {
    let seconds = begun.elapsed().as_secs_f64();
    if tags >= MANY && seconds > 0.0 {
        let count = u32::try_from(tags).map_or(f64::INFINITY, f64::from);
        out.note(format_args!(
            "{tags} documents in {seconds:.2} s, {:.0} a second",
            count / seconds
        ));
    }
}
