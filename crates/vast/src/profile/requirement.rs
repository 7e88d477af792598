//! One requirement of a profile, and what it says in words.

use std::fmt::Write as _;

use adproof_model::DocumentKind;

use super::Source;
use crate::generated::rules::Id;
use crate::{Rule, Version};

/// Something that a profile requires of a document.
#[derive(Debug)]
#[non_exhaustive]
pub struct Requirement {
    pub(crate) check: Check,
    /// What follows when it is not met.
    pub effect: Effect,
    /// The VAST error code to expect then.
    pub vast_error: Option<u16>,
    /// The whole response is refused, not only the ad at fault.
    pub whole: bool,
    /// What the source says and what it means, in our words.
    pub why: &'static str,
    /// The page that states it.
    pub source: &'static Source,
    /// The id of the profile that states it; another one where it is taken over.
    pub from: &'static str,
}

/// What follows when a requirement is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The ad does not play.
    Fails,
    /// The ad plays, but not everywhere, or not all of it.
    Degrades,
    /// It is worth knowing and cannot be judged from a document.
    Note,
}

impl Effect {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Degrades => "degrades",
            Self::Note => "note",
        }
    }
}

/// What is looked at.
#[derive(Debug)]
#[allow(dead_code, reason = "the words of the files; not every one is in use")]
pub(crate) enum Check {
    /// A rule finds nothing.
    Rule(Id),
    /// The document is well-formed.
    Readable,
    Kinds(&'static [DocumentKind]),
    /// A bit for each version.
    Versions(u8),
    /// Wrappers from the first response to the ad.
    Wrappers(u32),
    /// Ads have no `sequence`.
    NoPod,
    /// One ad at most.
    SingleAd,
    /// Each inline ad has something to show.
    Creative,
    /// Each inline ad has a linear creative.
    Linear,
    NoNonLinear,
    /// Nonlinear creatives are shown; it is never looked at.
    NonLinear,
    DurationsMs(&'static [u64]),
    DurationRangeMs(u64, u64),
    /// One of the files has one of these types.
    MediaTypes(&'static [&'static str]),
    /// One of the files has none of these types.
    NoMediaTypes(&'static [&'static str]),
    Delivery(&'static str),
    /// Files of an accepted type, or one adaptive stream.
    Renditions(u32),
    BitrateKbps(u64, u64),
    Dimensions(u64, u64),
    FileBytes(u64),
    Https(&'static [Urls]),
    UniversalAdId,
    Mezzanine,
    NoVpaid(Vpaid),
    NoSimid,
    NoVerification,
    NoSkip,
    /// Milliseconds for the first response, for each wrapper, for the media file.
    TimeoutsMs(u64, u64, u64),
    /// Nothing that can be looked at.
    Note,
}

/// Kinds of addresses in a tag, by who requests them and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urls {
    /// The next response of a chain.
    Tags,
    /// Video, images, captions.
    Media,
    /// What is executed.
    Code,
    /// What is only counted.
    Trackers,
    /// Where a click leads.
    Clicks,
}

/// How strictly VPAID is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vpaid {
    /// An ad fails that has nothing else to play.
    Only,
    /// An ad fails that has a VPAID file beside others.
    Present,
    /// A response fails that holds the word.
    Mentioned,
}

impl Requirement {
    /// What is looked at, in one word: `versions`, `media-types`, `rule`.
    #[must_use]
    pub fn check(&self) -> &'static str {
        match self.check {
            Check::Rule(_) => "rule",
            Check::Readable => "readable",
            Check::Kinds(_) => "kinds",
            Check::Versions(_) => "versions",
            Check::Wrappers(_) => "wrappers",
            Check::NoPod => "no-pod",
            Check::SingleAd => "single-ad",
            Check::Creative => "creative",
            Check::Linear => "linear",
            Check::NoNonLinear => "no-nonlinear",
            Check::NonLinear => "nonlinear",
            Check::DurationsMs(_) | Check::DurationRangeMs(..) => "durations",
            Check::MediaTypes(_) | Check::NoMediaTypes(_) => "media-types",
            Check::Delivery(_) => "delivery",
            Check::Renditions(_) => "renditions",
            Check::BitrateKbps(..) => "bitrate",
            Check::Dimensions(..) => "dimensions",
            Check::FileBytes(_) => "file-size",
            Check::Https(_) => "https",
            Check::UniversalAdId => "universal-ad-id",
            Check::Mezzanine => "mezzanine",
            Check::NoVpaid(_) => "no-vpaid",
            Check::NoSimid => "no-simid",
            Check::NoVerification => "no-verification",
            Check::NoSkip => "no-skip",
            Check::TimeoutsMs(..) => "timeouts",
            Check::Note => "note",
        }
    }

    /// The rule whose finding decides, where one does.
    #[must_use]
    pub fn rule(&self) -> Option<&'static Rule> {
        match self.check {
            Check::Rule(id) => Some(id.rule()),
            _ => None,
        }
    }

    /// Whether it states a value that a creative is measured by.
    pub(super) fn has_limit(&self) -> bool {
        matches!(
            self.check,
            Check::DurationsMs(_)
                | Check::DurationRangeMs(..)
                | Check::MediaTypes(_)
                | Check::NoMediaTypes(_)
                | Check::Delivery(_)
                | Check::Renditions(_)
                | Check::BitrateKbps(..)
                | Check::Dimensions(..)
                | Check::FileBytes(_)
        )
    }

    /// Whether it is about linear creatives only.
    pub(super) fn is_of_linear(&self) -> bool {
        self.effect != Effect::Note
            && (self.has_limit()
                || matches!(
                    self.check,
                    Check::UniversalAdId | Check::Mezzanine | Check::NoVpaid(_) | Check::NoSkip
                ))
    }

    /// What is required, in a few words, without a full stop.
    #[must_use]
    pub fn statement(&self) -> String {
        match &self.check {
            Check::Rule(id) => format!("no finding of `{}`", id.rule().id),
            Check::Readable => "well-formed XML".to_owned(),
            Check::Kinds(kinds) => list(kinds.iter().map(|kind| kind.as_str()), "or"),
            Check::Versions(set) => format!("VAST {}", list(versions(*set), "or")),
            Check::Wrappers(0) => "no wrapper".to_owned(),
            Check::Wrappers(most) => format!("at most {most} wrappers before the ad"),
            Check::NoPod => "no ad pod".to_owned(),
            Check::SingleAd => "one ad".to_owned(),
            Check::Creative => "something to show in each ad".to_owned(),
            Check::Linear => "a linear creative in each ad".to_owned(),
            Check::NoNonLinear => "no nonlinear creative".to_owned(),
            Check::NonLinear => "nonlinear creatives are shown".to_owned(),
            Check::DurationsMs(all) => {
                format!("exactly {}", list(all.iter().map(|ms| seconds(*ms)), "or"))
            }
            Check::DurationRangeMs(0, high) => format!("at most {}", seconds(*high)),
            Check::DurationRangeMs(low, u64::MAX) => format!("at least {}", seconds(*low)),
            Check::DurationRangeMs(low, high) => format!("{} to {}", seconds(*low), seconds(*high)),
            Check::MediaTypes(types) => format!("a file of type {}", list(types.iter(), "or")),
            Check::NoMediaTypes(types) => {
                format!("a file of another type than {}", list(types.iter(), "or"))
            }
            Check::Delivery(delivery) => format!("a file with {delivery} delivery"),
            Check::Renditions(least) => format!("at least {least} files, or a stream"),
            Check::BitrateKbps(low, u64::MAX) => format!("a file of at least {low} kbit/s"),
            Check::BitrateKbps(0, high) => format!("a file of at most {high} kbit/s"),
            Check::BitrateKbps(low, high) => format!("a file of {low} to {high} kbit/s"),
            Check::Dimensions(width, height) => format!("a file of at least {width}x{height}"),
            Check::FileBytes(most) => format!("a file of at most {}", megabytes(*most)),
            Check::Https(urls) => {
                format!("https for {}", list(urls.iter().map(|urls| urls.noun()), "and"))
            }
            Check::UniversalAdId => "a UniversalAdId".to_owned(),
            Check::Mezzanine => "a Mezzanine file".to_owned(),
            Check::NoVpaid(Vpaid::Only) => "a file that is not VPAID".to_owned(),
            Check::NoVpaid(Vpaid::Present) => "no VPAID file".to_owned(),
            Check::NoVpaid(Vpaid::Mentioned) => "no mention of VPAID".to_owned(),
            Check::NoSimid => "no SIMID".to_owned(),
            Check::NoVerification => "no AdVerifications".to_owned(),
            Check::NoSkip => "not skippable".to_owned(),
            Check::TimeoutsMs(first, wrapper, media) => timeouts(*first, *wrapper, *media),
            Check::Note => "for information".to_owned(),
        }
    }
}

impl Urls {
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Media => "media",
            Self::Code => "code",
            Self::Trackers => "trackers",
            Self::Clicks => "clicks",
        }
    }
}

/// The names of the versions of a set.
pub(crate) fn versions(set: u8) -> impl Iterator<Item = &'static str> {
    let chosen = move |version: &Version| set & version.bit() != 0;
    Version::ALL.into_iter().filter(chosen).map(Version::as_str)
}

/// `a, b or c`.
pub(crate) fn list<T: AsRef<str>>(items: impl Iterator<Item = T>, last: &str) -> String {
    let items: Vec<T> = items.collect();
    let mut out = String::new();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            let end = place + 1 == items.len();
            let _ = if end { write!(out, " {last} ") } else { write!(out, ", ") };
        }
        out.push_str(item.as_ref());
    }
    out
}

/// `15 s`, `14.5 s`.
pub(crate) fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `20 MB`, `1.5 MB`, rounded down to tenths.
pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    match tenths % 10 {
        0 => format!("{} MB", tenths / 10),
        tenth => format!("{}.{tenth} MB", tenths / 10),
    }
}

fn timeouts(first: u64, wrapper: u64, media: u64) -> String {
    let named = [(first, "the first response"), (wrapper, "each wrapper"), (media, "the file")];
    let parts = named.iter().filter(|(ms, _)| *ms > 0);
    list(parts.map(|(ms, what)| format!("{} for {what}", seconds(*ms))), "and")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(seconds(15_000), "15 s");
        assert_eq!(seconds(14_500), "14.5 s");
        assert_eq!(seconds(10), "0.01 s");
        assert_eq!(seconds(0), "0 s");
        assert_eq!(megabytes(20_000_000), "20 MB");
        assert_eq!(megabytes(1_550_000), "1.5 MB");
        assert_eq!(list(["a", "b", "c"].iter(), "or"), "a, b or c");
        assert_eq!(
            timeouts(8_000, 4_000, 0),
            "8 s for the first response and 4 s for each wrapper"
        );
    }
}
