//! Trackers of a creative: whether they fire where they stand, and what they count twice.

use crate::Version;
use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{EVENTS, name, ty};
use crate::rules::time::{self, Offset};
use crate::rules::{mend, name_range, text_hash};
use crate::sink::{Sink, TextFix};
use crate::structure::{TypeId, event as known_event};
use crate::text::Text as _;

/// How many trackers are compared with each other, and how many siblings are looked at.
const WINDOW: usize = 64;

/// What stands around a tracker.
struct Around {
    parent: TypeId,
    /// Milliseconds of the linear creative, when they are needed and known.
    duration: Option<u64>,
}

/// `TrackingEvents`.
pub(crate) fn events(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.first_child.some().is_none() {
        if !element.has(UNCLOSED) {
            sink.report_on(
                Id::TrackingEventsEmpty,
                id,
                format_args!("<TrackingEvents> tracks nothing"),
            );
        }
        return;
    }
    let linear = doc.element(element.parent);
    let parent = linear.map_or(TypeId::OPEN, |parent| parent.ty);
    let around = Around { parent, duration: linear.and_then(|linear| duration(doc, linear)) };
    let mut met = Met::default();
    let impressions = impressions(doc, element);
    let mut milestones = 0_u8;
    for child in doc.children(id) {
        let Some(tracking) = doc.element(child).filter(|child| child.ty == ty::TRACKING) else {
            continue;
        };
        let event = doc.attr_raw(tracking, name::EVENT).unwrap_or("");
        milestones |= milestone(event);
        place(sink, child, tracking, event, &around);
        offset(doc, sink, child, tracking, event, &around);
        let Some((start, end)) = doc.content_range(child) else {
            continue;
        };
        if let Some(other) = met.before(doc, (start, end), child) {
            again(doc, sink, child, tracking, other);
        } else if impressions.iter().any(|(from, to)| {
            to - from == end - start && doc.slice(*from, *to) == doc.slice(start, end)
        }) {
            sink.report(
                Id::TrackerRepeatsImpression,
                child,
                name_range(tracking),
                format_args!("this tracker calls the URL of an impression of the same ad"),
            );
        }
    }
    if parent == ty::LINEAR && !element.has(UNCLOSED) {
        wanted(doc, sink, id, element, milestones);
    }
}

/// The URLs of the first trackers.
struct Met {
    /// A bit for the hash of each URL: most are new, and that is all it takes to know it.
    bits: [u64; 16],
    hashes: [u64; WINDOW],
    places: [(u32, u32, ElementId); WINDOW],
    count: usize,
}

impl Default for Met {
    fn default() -> Self {
        Self {
            bits: [0; 16],
            hashes: [0; WINDOW],
            places: [(0, 0, ElementId(0)); WINDOW],
            count: 0,
        }
    }
}

impl Met {
    /// The tracker before this one that calls the same URL; this one is noted.
    fn before(
        &mut self,
        doc: &Document<'_>,
        (start, end): (u32, u32),
        id: ElementId,
    ) -> Option<ElementId> {
        let text = doc.slice(start, end).as_bytes();
        let hash = text_hash(text);
        let bit = 1_u64 << (hash >> 58);
        let known = usize::try_from(hash >> 54 & 15).ok().and_then(|word| self.bits.get_mut(word));
        let perhaps = known.is_some_and(|bits| {
            let perhaps = *bits & bit != 0;
            *bits |= bit;
            perhaps
        });
        let hashes = self.hashes.get(..if perhaps { self.count } else { 0 }).unwrap_or_default();
        let found = hashes.iter().enumerate().filter(|(_, other)| **other == hash).find_map(
            |(place, _)| {
                let (from, to, other) = *self.places.get(place)?;
                (doc.slice(from, to).as_bytes() == text).then_some(other)
            },
        );
        let slot = self.hashes.get_mut(self.count).zip(self.places.get_mut(self.count));
        if let Some((slot, place)) = slot {
            *slot = hash;
            *place = (start, end, id);
            self.count += 1;
        }
        found
    }
}

/// Where the impressions of the ad around this element are written: the first few.
fn impressions(doc: &Document<'_>, element: &Element) -> [(u32, u32); 8] {
    let mut ranges = [(0, 0); 8];
    let mut at = element.parent;
    for _ in 0..4 {
        let Some(around) = doc.element(at) else {
            return ranges;
        };
        if matches!(around.ty, ty::IN_LINE | ty::WRAPPER) {
            let found = doc
                .children(at)
                .take(WINDOW)
                .filter(|child| doc.element(*child).is_some_and(|child| child.ty == ty::IMPRESSION))
                .filter_map(|impression| doc.content_range(impression));
            for (slot, range) in ranges.iter_mut().zip(found) {
                *slot = range;
            }
            return ranges;
        }
        at = around.parent;
    }
    ranges
}

/// The duration of a linear creative.
pub(crate) fn duration(doc: &Document<'_>, linear: &Element) -> Option<u64> {
    if linear.ty != ty::LINEAR {
        return None;
    }
    let children = std::iter::successors(linear.first_child.some(), |child| {
        doc.element(*child).and_then(|child| child.next.some())
    });
    let duration = children
        .take(WINDOW)
        .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty::DURATION))?;
    time::millis(&doc.content(duration)).filter(|duration| *duration > 0)
}

/// A bit for each event by which completion is bought.
fn milestone(event: &str) -> u8 {
    match event {
        "start" | "creativeView" => 1,
        "firstQuartile" => 2,
        "midpoint" => 4,
        "thirdQuartile" => 8,
        "complete" => 16,
        "skip" => 32,
        "progress" => 64,
        _ => 0,
    }
}

/// Events that buyers want in an inline ad.
fn wanted(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    milestones: u8,
) {
    const QUARTILES: u8 = 2 | 4 | 8 | 16;
    let quartiles = milestones & QUARTILES;
    if quartiles != 0 && quartiles != QUARTILES && milestones & 64 == 0 {
        let missing =
            [(2, "firstQuartile"), (4, "midpoint"), (8, "thirdQuartile"), (16, "complete")]
                .into_iter()
                .find(|(bit, _)| quartiles & bit == 0)
                .map_or("complete", |(_, name)| name);
        sink.report_on(
            Id::QuartilesIncomplete,
            id,
            format_args!("some quartiles are tracked, but not {missing}"),
        );
    }
    if milestones & 1 == 0 && milestones & (QUARTILES | 64) != 0 {
        sink.report_on(
            Id::LinearWithoutStart,
            id,
            format_args!("the progress is tracked, but not the start"),
        );
    }
    if milestones & 32 == 0
        && doc
            .element(element.parent)
            .is_some_and(|linear| doc.attr(linear, name::SKIPOFFSET).is_some())
    {
        sink.report_on(
            Id::SkippableWithoutSkipEvent,
            id,
            format_args!("the ad can be skipped, but nothing tracks it"),
        );
    }
}

/// Events that never happen where they are tracked.
fn place(sink: &mut Sink<'_>, id: ElementId, tracking: &Element, event: &str, around: &Around) {
    if sink.version() < Version::V4_0 {
        return;
    }
    match around.parent {
        ty::COMPANION if event != "creativeView" && known(event) => sink.report(
            Id::CompanionEventNotTracked,
            id,
            name_range(tracking),
            format_args!("a companion has the event creativeView only, not `{event}`"),
        ),
        ty::NON_LINEAR_ADS | ty::WRAPPER_NON_LINEAR_ADS
            if matches!(
                event,
                "loaded"
                    | "start"
                    | "firstQuartile"
                    | "midpoint"
                    | "thirdQuartile"
                    | "complete"
                    | "progress"
                    | "closeLinear"
            ) =>
        {
            sink.report(
                Id::LinearEventInNonlinear,
                id,
                name_range(tracking),
                format_args!("`{event}` is an event of linear ads; an overlay has no timeline"),
            );
        }
        ty::LINEAR | ty::WRAPPER_LINEAR
            if matches!(
                event,
                "adExpand"
                    | "adCollapse"
                    | "minimize"
                    | "overlayViewDuration"
                    | "close"
                    | "acceptInvitation"
            ) =>
        {
            sink.report(
                Id::NonlinearEventInLinear,
                id,
                name_range(tracking),
                format_args!("`{event}` is an event of overlays; a linear ad never fires it"),
            );
        }
        _ => {}
    }
}

fn known(event: &str) -> bool {
    known_event(event).is_some()
}

/// The offset of a tracker.
fn offset(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    tracking: &Element,
    event: &str,
    around: &Around,
) {
    let Some(attribute) = doc.attr(tracking, name::OFFSET) else {
        return;
    };
    if event != "progress" {
        let end = attribute.name_start.saturating_add(u32::from(attribute.name_len));
        sink.report(
            Id::OffsetWithoutProgress,
            id,
            (attribute.name_start, end),
            format_args!("only the event `progress` has an offset"),
        );
        return;
    }
    let range = (attribute.value_start, attribute.value_end);
    match Offset::parse(doc.slice(range.0, range.1).trimmed()) {
        Some(Offset::Millis(0) | Offset::Percent { whole: 0, fraction: false }) => sink.report(
            Id::ProgressOffsetZero,
            id,
            range,
            format_args!("progress at the very beginning is the event `start`"),
        ),
        Some(Offset::Millis(offset)) if around.duration.is_some_and(|all| offset > all) => {
            sink.report(
                Id::ProgressOffsetBeyondDuration,
                id,
                range,
                format_args!("the ad is over before this progress is reached"),
            );
        }
        _ => {}
    }
}

/// The same URL as a tracker before it.
fn again(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    tracking: &Element,
    other: ElementId,
) {
    let Some(earlier) = doc.element(other) else {
        return;
    };
    let same = |name| doc.attr_raw(tracking, name) == doc.attr_raw(earlier, name);
    if same(name::EVENT) && same(name::OFFSET) {
        sink.report(
            Id::TrackerDuplicate,
            id,
            name_range(tracking),
            format_args!("the same URL is called twice for the same event"),
        );
    } else {
        let event = sink.quote(doc.attr_raw(earlier, name::EVENT).unwrap_or(""));
        sink.report(
            Id::TrackerSharedByEvents,
            id,
            name_range(tracking),
            format_args!(
                "the same URL counts `{event}`, so that its server cannot tell them apart"
            ),
        );
    }
}

/// `Verification/Tracking`.
pub(crate) fn verification(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let Some(attribute) = doc.attr(element, name::EVENT) else {
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let event = doc.slice(range.0, range.1);
    if event != "verificationNotExecuted" {
        let quoted = sink.quote(event);
        sink.report(
            Id::VerificationEventUnknown,
            id,
            range,
            format_args!("a verification has the event verificationNotExecuted, not `{quoted}`"),
        );
    }
}

/// An event that the version does not know. Says whether the fault has a name of its own.
pub(crate) fn nearly(sink: &mut Sink<'_>, id: ElementId, event: &str, range: (u32, u32)) -> bool {
    let renamed = match event {
        "fullscreen" => Some("playerExpand"),
        "exitFullscreen" => Some("playerCollapse"),
        _ => None,
    };
    let version = sink.version();
    if let Some(now) = renamed.filter(|_| version >= Version::V4_0) {
        sink.report_fix(
            Id::TrackingEventRenamed,
            id,
            range,
            format_args!("VAST {version} calls this event `{now}`"),
            |_| {
                Some(TextFix::dangerous(
                    "Name the event as of 4.0",
                    vec![(range.0, range.1, now.into())],
                ))
            },
        );
        return true;
    }
    let written = event.trimmed();
    let right = EVENTS
        .iter()
        .find(|known| known.name.is_like(written) && known.versions & version.bit() != 0);
    let Some(right) = right.filter(|right| right.name != event) else {
        return false;
    };
    let right = right.name;
    let quoted = sink.quote(event);
    sink.report_fix(
        Id::TrackingEventWrongCase,
        id,
        range,
        format_args!("the event is written `{right}`, not `{quoted}`"),
        |_| mend::replace("Write the event as VAST does", range, right),
    );
    true
}
