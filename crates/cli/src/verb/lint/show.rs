//! Writes judged tags in each format, and counts what a run says at its end.

use std::io::Write as _;

use adproof_model::Severity;
use adproof_wire::lint::{self, DocumentV1, LintV1, SummaryV1};
use adproof_wire::sarif::{self, Sarif};
use adproof_wire::{github, junit};

use super::baseline::Baseline;
use super::settings::Settings;
use super::work::Judged;
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
    /// Counts a tag. What could not be read is said at the end, and the others go on.
    pub(super) fn take(&mut self, judged: anyhow::Result<Judged>) -> Option<(DocumentV1, String)> {
        let Judged { document, mended, changed, stale, text } = match judged {
            Ok(judged) => judged,
            Err(error) => {
                self.unreadable.push(error);
                return None;
            }
        };
        self.documents += 1;
        self.summary.add(&document);
        self.failed |= document.count(Severity::Error) > 0 || document.fails();
        self.mended = self.mended.saturating_add(mended);
        self.changed += u64::from(changed);
        self.stale += stale;
        self.suppressed += document.suppressed.values().copied().map(u64::from).sum::<u64>();
        self.baselined += u64::from(document.baselined);
        Some((document, text))
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

/// A tag as it is shown by itself; nothing for formats that are one document.
pub(super) fn text(
    document: &DocumentV1,
    bytes: &[u8],
    format: Format,
    width: usize,
) -> anyhow::Result<String> {
    let mut text = String::new();
    match format {
        Format::Json | Format::Sarif => {}
        Format::Ndjson => {
            text = serde_json::to_string(&LintV1::of([document.clone()]))?;
            text.push('\n');
        }
        Format::Junit => junit::write(document, &mut text)?,
        Format::Github => github::write(document, &mut text)?,
        _ => {
            table::document(document, bytes, width, &mut text)?;
            verdicts::document(document, width, &mut text)?;
        }
    }
    Ok(text)
}

/// Writes tags, each as soon as it is judged.
pub(super) fn write(
    documents: impl Iterator<Item = (DocumentV1, String)>,
    format: Format,
    settings: &Settings,
    out: &mut Out,
) -> anyhow::Result<()> {
    match format {
        Format::Json => lint::write(documents.map(|(document, _)| document), out)?,
        Format::Sarif => {
            let settings = sarif::Settings { rules_url: settings.rules_url.clone() };
            out.json(&Sarif::new(documents.map(|(document, _)| document), settings))?;
        }
        _ => {
            let junit = format == Format::Junit;
            out.write_all(if junit { junit::HEAD } else { "" }.as_bytes())?;
            for (_, text) in documents {
                out.write_all(text.as_bytes())?;
            }
            out.write_all(if junit { junit::TAIL } else { "" }.as_bytes())?;
        }
    }
    Ok(())
}

pub(super) fn s(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
