//! Profiles: what a player, a stitcher or a platform says that it takes, as data with its source.
//!
//! A rule says what is wrong with a tag; a profile says who will not play it. Each profile is one
//! file in `rules/profiles/`, and each of its requirements cites the public page that states it.
//! Nothing here runs unless [`verdicts`] is called with a profile.

mod checks;
mod facts;
mod judge;
mod media;
mod requirement;

use adproof_model::{Digest, Span};

use crate::Limits;
use crate::generated::profiles::PROFILES;

pub(crate) use requirement::{Check, Urls, Vpaid};
pub use requirement::{Effect, Requirement};

/// Who states its requirements.
#[derive(Debug)]
#[non_exhaustive]
pub struct Profile {
    /// Kebab case; what `--profile` takes.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is.
    pub kind: ProfileKind,
    /// What it covers and what it leaves open.
    pub about: &'static str,
    /// SHA-256 over its file and those that it takes over. It is apart from
    /// [`crate::ruleset_digest`]: records pin that one, and a profile changes no finding.
    pub digest: Digest,
    /// What it requires, with what it takes over from other profiles at the end.
    pub requirements: &'static [Requirement],
}

/// What states requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfileKind {
    /// It fetches and plays on the viewer's device.
    Player,
    /// It puts ads into the stream on a server.
    Stitcher,
    /// It buys, sells or serves, and refuses before any player is asked.
    Platform,
    /// The text of a specification, or a browser's rule.
    Standard,
}

impl ProfileKind {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Player => "player",
            Self::Stitcher => "stitcher",
            Self::Platform => "platform",
            Self::Standard => "standard",
        }
    }
}

/// The public page that states a requirement.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// Its title and publisher.
    pub title: &'static str,
    /// Its address.
    pub url: &'static str,
    /// Its date or edition, where it gives one.
    pub date: Option<&'static str>,
}

impl Source {
    pub(crate) const fn new(
        title: &'static str,
        url: &'static str,
        date: Option<&'static str>,
    ) -> Self {
        Self { title, url, date }
    }
}

/// How a document fares with a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Every ad meets every requirement that can be judged here.
    Plays,
    /// Something plays, but not all of it, or not as well as it could.
    Degraded,
    /// It cannot be judged from this document alone.
    Unknown,
    /// No ad plays.
    Fails,
}

impl Outcome {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plays => "plays",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Fails => "fails",
        }
    }
}

/// What a profile makes of a document.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// Whose verdict it is.
    pub profile: &'static Profile,
    /// The verdict.
    pub outcome: Outcome,
    /// The VAST error code to expect when it fails. None where the ad is refused before a player
    /// could report one.
    pub vast_error: Option<u16>,
    /// Why, the decisive first.
    pub reasons: Vec<Reason>,
}

/// What a reason does to the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Weight {
    /// The ad does not play.
    Fails,
    /// It cannot be judged here.
    Unknown,
    /// The ad plays less well.
    Degrades,
}

impl Weight {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Unknown => "unknown",
            Self::Degrades => "degrades",
        }
    }
}

/// Why a verdict is not `plays`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reason {
    /// The requirement that is not met, or that cannot be judged. None where the document itself
    /// leaves the question open.
    pub requirement: Option<&'static Requirement>,
    /// What it does to the verdict.
    pub weight: Weight,
    /// What is wrong, one sentence, of the first place.
    pub message: Box<str>,
    /// The path of the first place.
    pub path: Box<str>,
    /// The bytes of the first place.
    pub span: Span,
    /// How many places there are.
    pub places: u32,
}

/// All profiles, sorted by id.
#[must_use]
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// One profile.
#[must_use]
pub fn profile(id: &str) -> Option<&'static Profile> {
    let place = PROFILES.binary_search_by(|profile| profile.id.cmp(id)).ok()?;
    PROFILES.get(place)
}

/// What each profile makes of a document, in the order asked for. The settings of the linter have
/// no say in it: a profile asks for the rules that it needs.
#[must_use]
pub fn verdicts(bytes: &[u8], profiles: &[&'static Profile], limits: &Limits) -> Vec<Verdict> {
    if profiles.is_empty() { Vec::new() } else { judge::all(bytes, profiles, limits) }
}
