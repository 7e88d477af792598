//! One line on a terminal: how fast, how far behind, what is on its way, what was decided.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use adproof_edge::stream::{Gate, Standing};
use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::out::Out;
use crate::text::clip;

/// The status line. Hidden where nobody looks.
pub(super) struct Status {
    line: ProgressBar,
    told: Instant,
    events: u64,
    width: usize,
}

impl Status {
    /// How often it is looked at.
    pub(super) const EVERY: Duration = Duration::from_millis(500);

    pub(super) fn hidden() -> Self {
        Self { line: ProgressBar::hidden(), told: Instant::now(), events: 0, width: 80 }
    }

    pub(super) fn new(out: &Out) -> Self {
        Self { line: out.status(), width: out.width, ..Self::hidden() }
    }

    pub(super) fn tell(&mut self, stands: &Standing, gate: &Gate, block: &str) {
        let since = self.told.elapsed();
        if self.line.is_hidden() || since < Self::EVERY {
            return;
        }
        let events = stands.events + stands.refused;
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = events.saturating_sub(self.events).saturating_mul(1_000) / millis;
        (self.told, self.events) = (Instant::now(), events);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let lag = stands.newest_us.map(|newest| now.saturating_sub(newest) / 1_000_000);
        let (held, closings) = gate.held();
        let text = format!(
            "{}/s  {} behind  {} open  {} wait  {} held  {} paused  {} dead  {} days  {}",
            HumanCount(rate),
            lag.map_or_else(|| "-".to_owned(), span),
            HumanCount(stands.impressions),
            HumanCount(stands.waiting),
            HumanBytes(u64::try_from(held).unwrap_or(u64::MAX)),
            closings,
            stands.refused + stands.misplaced,
            stands.days,
            block,
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
