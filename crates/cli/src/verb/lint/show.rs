//! Writes judged tags in each format, and counts what a run says at its end.

use std::cell::RefCell;
use std::io::Write as _;
use std::mem;

use adproof_model::Severity;
use adproof_wire::lint::{self, DocumentV1, LintV1, SummaryV1};
use adproof_wire::sarif::{self, Sarif};
use adproof_wire::{github, junit};
use anstream::adapter::strip_str;

use super::baseline::Baseline;
use super::settings::Settings;
use super::work::Part;
use super::{table, verdicts};
use crate::out::{Exit, Failure, Format, Out};

/// Inputs that could not be read are named up to this number.
const NAMED: usize = 20;

/// What a run counts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) summary: SummaryV1,
    pub(super) documents: u64,
    pub(super) mended: u32,
    pub(super) suppressed: u64,
    pub(super) baselined: u64,
    pub(super) unreadable: Vec<anyhow::Error>,
    changed: u64,
    stale: u64,
    failed: bool,
}

impl Tally {
    /// Counts a tag.
    pub(super) fn add(&mut self, document: &DocumentV1, mended: u32, changed: bool, stale: u64) {
        self.documents += 1;
        self.summary.add(document);
        self.failed |= document.count(Severity::Error) > 0 || document.fails();
        self.mended = self.mended.saturating_add(mended);
        self.changed += u64::from(changed);
        self.stale += stale;
        self.suppressed += document.suppressed.values().copied().map(u64::from).sum::<u64>();
        self.baselined += u64::from(document.baselined);
    }

    /// Counts what another has counted.
    pub(super) fn merge(&mut self, other: Self) {
        self.summary.error += other.summary.error;
        self.summary.warning += other.summary.warning;
        self.summary.info += other.summary.info;
        self.documents += other.documents;
        self.mended = self.mended.saturating_add(other.mended);
        self.suppressed += other.suppressed;
        self.baselined += other.baselined;
        self.unreadable.extend(other.unreadable);
        self.changed += other.changed;
        self.stale += other.stale;
        self.failed |= other.failed;
    }

    /// What a person should know besides the findings.
    pub(super) fn notes(&self, baseline: Option<&Baseline>, out: &Out) {
        let Self { mended, changed, baselined, .. } = *self;
        if mended > 0 {
            let (many, files) = (s(mended.into()), s(changed));
            out.note(format_args!("mended {mended} finding{many} in {changed} file{files}"));
        }
        if let Some(baseline) = baseline {
            out.note(format_args!(
                "{baselined} known finding{} hidden by the baseline",
                s(baselined)
            ));
            let stale = self.stale + baseline.of_missing_files();
            if stale > 0 {
                out.note(format_args!(
                    "{stale} finding{} of the baseline {} there no more; --write-baseline drops {}",
                    s(stale),
                    if stale == 1 { "is" } else { "are" },
                    if stale == 1 { "it" } else { "them" },
                ));
            }
        }
    }

    /// Fails where an input could not be read.
    pub(super) fn readable(&mut self, out: &Out) -> anyhow::Result<()> {
        let count = self.unreadable.len();
        let mut errors = std::mem::take(&mut self.unreadable).into_iter();
        let Some(first) = errors.next() else {
            return Ok(());
        };
        if count == 1 {
            return Err(first);
        }
        for error in std::iter::once(first).chain(errors).take(NAMED) {
            out.note(format_args!("{error:#}"));
        }
        Err(Failure::new(format!("{count} inputs could not be read or written"))
            .todo("see the notes above; all other inputs were judged")
            .into())
    }

    /// How the run ended.
    pub(super) fn exit(&mut self, out: &mut Out) -> anyhow::Result<Exit> {
        out.flush()?;
        self.readable(out)?;
        Ok(if self.failed { Exit::Findings } else { Exit::Clean })
    }
}

/// How tags are shown.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) format: Format,
    /// Columns of a line.
    pub(super) width: usize,
    /// Whether with colours.
    pub(super) styled: bool,
}

/// Adds a tag to what is shown.
pub(super) fn add(
    document: DocumentV1,
    bytes: &[u8],
    look: Look,
    part: &mut Part,
) -> anyhow::Result<()> {
    let text = &mut part.text;
    match look.format {
        Format::Sarif => part.documents.push(document),
        Format::Json => lint::entry(&document, &mut part.json)?,
        Format::Ndjson => {
            text.push_str(&serde_json::to_string(&LintV1::of([document]))?);
            text.push('\n');
        }
        Format::Junit => junit::write(&document, text)?,
        Format::Github => github::write(&document, text)?,
        _ => {
            table::document(&document, bytes, look, text)?;
            let before = text.len();
            verdicts::document(&document, look.width, text)?;
            if !look.styled && text.len() > before {
                let plain = strip_str(text.get(before..).unwrap_or_default()).to_string();
                text.replace_range(before.., &plain);
            }
        }
    }
    Ok(())
}

/// Writes tags, each as soon as it is judged, and counts them.
pub(super) fn write(
    parts: impl Iterator<Item = Part>,
    format: Format,
    settings: &Settings,
    tally: &mut Tally,
    out: &mut Out,
) -> anyhow::Result<()> {
    let tally = RefCell::new(tally);
    let parts = parts.map(|mut part| {
        tally.borrow_mut().merge(mem::take(&mut part.tally));
        part
    });
    match format {
        Format::Json => {
            let summary = || tally.borrow().summary;
            lint::write(parts.map(|part| part.json), summary, out)?;
        }
        Format::Sarif => {
            let settings = sarif::Settings { rules_url: settings.rules_url.clone() };
            out.json(&Sarif::new(parts.flat_map(|part| part.documents), settings))?;
        }
        _ => {
            let junit = format == Format::Junit;
            out.write_all(if junit { junit::HEAD } else { "" }.as_bytes())?;
            for part in parts {
                if format == Format::Table && !out.styled {
                    out.plain(&part.text)?;
                } else {
                    out.write_all(part.text.as_bytes())?;
                }
            }
            out.write_all(if junit { junit::TAIL } else { "" }.as_bytes())?;
        }
    }
    Ok(())
}

pub(super) fn s(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
