//! One line on a terminal: how fast, how far behind, what is on its way, what was decided.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use adproof_edge::stream::Gate;
use adproof_model::{Block, Level};
use adproof_pipeline::{Day, Live};
use adproof_wire::decide::DecideV1;
use indicatif::{HumanBytes, HumanCount, ProgressBar};

use super::live::Told;
use crate::out::Out;
use crate::text::clip;

/// The status line. Hidden where nobody looks.
pub(super) struct Status {
    line: ProgressBar,
    told: Instant,
    events: u64,
    /// The block of the last decided day with the most listed impressions.
    block: String,
    width: usize,
}

impl Status {
    /// How often it is looked at.
    pub(super) const EVERY: Duration = Duration::from_millis(500);

    pub(super) fn hidden() -> Self {
        let (line, block) = (ProgressBar::hidden(), String::new());
        Self { line, told: Instant::now(), events: 0, block, width: 80 }
    }

    pub(super) fn new(out: &Out) -> Self {
        Self { line: out.status(), width: out.width, ..Self::hidden() }
    }

    /// Notes what a day was about.
    pub(super) fn decided(&mut self, day: &Day) {
        let mut blocks = std::collections::BTreeMap::<&Block, u64>::new();
        for decided in &day.decided {
            for signal in &decided.signals {
                if signal.level() == Some(Level::P64) {
                    *blocks.entry(&signal.block).or_default() += 1;
                }
            }
        }
        if let Some((block, hits)) = blocks.into_iter().max_by_key(|(_, hits)| *hits) {
            self.block = format!("top {block} {hits}");
        }
    }

    pub(super) fn tell(&mut self, live: &Live, gate: &Gate, told: &Told, document: &DecideV1) {
        let since = self.told.elapsed();
        if self.line.is_hidden() || since < Self::EVERY {
            return;
        }
        let events = document.events + told.rejected;
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = events.saturating_sub(self.events).saturating_mul(1_000) / millis;
        (self.told, self.events) = (Instant::now(), events);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let lag = live.newest().map(|newest| now.saturating_sub(newest.micros()) / 1_000_000);
        let (held, closings) = gate.held();
        let text = format!(
            "{}/s  {} behind  {} open  {} wait  {} held  {} paused  {} dead  {} days  {}",
            HumanCount(rate),
            lag.map_or_else(|| "-".to_owned(), span),
            HumanCount(u64::try_from(live.pipeline().open()).unwrap_or(u64::MAX)),
            HumanCount(u64::try_from(live.waiting()).unwrap_or(u64::MAX)),
            HumanBytes(u64::try_from(held).unwrap_or(u64::MAX)),
            closings,
            told.rejected + told.misplaced,
            document.days.len(),
            self.block,
        );
        self.line.set_message(clip(&text, self.width.saturating_sub(1)));
        self.line.tick();
    }

    pub(super) fn clear(&self) {
        self.line.finish_and_clear();
    }
}

/// A span of seconds, with one unit.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
