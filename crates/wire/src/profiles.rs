//! `adproof.profiles/1`: what players, stitchers and platforms say that they take; and their
//! verdicts in `adproof.lint/1`.

use adproof_vast::Limits;
use adproof_vast::profile::{self, Profile, Reason, Requirement, Source, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::lint::SpanV1;
use crate::place::Lines;

/// The JSON Schema of `adproof.profiles/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ProfilesV1)
}

/// The profiles that `adproof lint --profile` takes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProfilesV1 {
    /// Always `adproof.profiles/1`.
    #[schemars(extend("const" = "adproof.profiles/1"))]
    pub schema: &'static str,
    /// The profiles, sorted by id.
    pub profiles: Vec<ProfileV1>,
}

/// One profile.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProfileV1 {
    /// Kebab case.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is: what plays on the device, what stitches on a server, what refuses before a
    /// player is asked, or a text.
    #[schemars(extend("enum" = ["player", "stitcher", "platform", "standard"]))]
    pub kind: &'static str,
    /// What it covers and what it leaves open.
    pub about: &'static str,
    /// The digest of its requirements: `sha256:` and 64 hex digits.
    pub digest: String,
    /// What it requires.
    pub requirements: Vec<RequirementV1>,
}

/// One requirement of a profile.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RequirementV1 {
    /// What is looked at: `versions`, `media-types`, `rule`.
    pub check: &'static str,
    /// The rule whose finding decides, where `check` is `rule`.
    pub rule: Option<&'static str>,
    /// What is required, in a few words.
    pub requires: String,
    /// What follows when it is not met; a `note` cannot be looked at in one document.
    #[schemars(extend("enum" = ["fails", "degrades", "note"]))]
    pub effect: &'static str,
    /// The VAST error code to expect then.
    pub vast_error: Option<u16>,
    /// Whether the whole response is refused, not only the ad at fault.
    pub whole: bool,
    /// What the source says and what it means.
    pub why: &'static str,
    /// The public page that states it.
    pub source: SourceV1,
    /// The profile that states it; another one where it is taken over.
    pub from: &'static str,
}

/// A public page.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SourceV1 {
    /// Its title and publisher.
    pub title: &'static str,
    /// Its address.
    pub url: &'static str,
    /// Its date or edition, where it gives one.
    pub date: Option<&'static str>,
}

/// What a profile makes of a document.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct VerdictV1 {
    /// The id of the profile.
    pub profile: &'static str,
    /// The digest of its requirements: `sha256:` and 64 hex digits.
    pub digest: String,
    /// Whether the ads play. `unknown` where one document is not enough, such as a wrapper.
    #[schemars(extend("enum" = ["plays", "degraded", "unknown", "fails"]))]
    pub verdict: &'static str,
    /// The VAST error code to expect when it fails. None where no player is asked.
    pub vast_error: Option<u16>,
    /// Why, the decisive first.
    pub reasons: Vec<ReasonV1>,
}

/// Why a verdict is not `plays`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReasonV1 {
    /// What it does to the verdict.
    #[schemars(extend("enum" = ["fails", "unknown", "degrades"]))]
    pub weight: &'static str,
    /// What is wrong, one sentence, of the first place.
    pub message: String,
    /// The element of the first place, with positions; empty for the document.
    pub path: String,
    /// The bytes of the first place.
    pub span: SpanV1,
    /// How many places there are.
    pub places: u32,
    /// The requirement that is not met. None where the document itself leaves the question open.
    pub requirement: Option<RequirementV1>,
}

impl ProfilesV1 {
    /// All profiles.
    #[must_use]
    pub fn all() -> Self {
        Self::of(profile::profiles())
    }

    /// One profile, or none when no profile has this id.
    #[must_use]
    pub fn one(id: &str) -> Option<Self> {
        profile::profile(id).map(|profile| Self::of(std::slice::from_ref(profile)))
    }

    fn of(profiles: &[Profile]) -> Self {
        let profiles = profiles.iter().map(ProfileV1::from).collect();
        Self { schema: "adproof.profiles/1", profiles }
    }
}

impl From<&Profile> for ProfileV1 {
    fn from(profile: &Profile) -> Self {
        Self {
            id: profile.id,
            title: profile.title,
            kind: profile.kind.as_str(),
            about: profile.about,
            digest: format!("sha256:{}", profile.digest),
            requirements: profile.requirements.iter().map(RequirementV1::from).collect(),
        }
    }
}

impl From<&Requirement> for RequirementV1 {
    fn from(requirement: &Requirement) -> Self {
        Self {
            check: requirement.check(),
            rule: requirement.rule().map(|rule| rule.id),
            requires: requirement.statement(),
            effect: requirement.effect.as_str(),
            vast_error: requirement.vast_error,
            whole: requirement.whole,
            why: requirement.why,
            source: requirement.source.into(),
            from: requirement.from,
        }
    }
}

impl From<&Source> for SourceV1 {
    fn from(source: &Source) -> Self {
        Self { title: source.title, url: source.url, date: source.date }
    }
}

/// What each profile makes of a document that was read in an encoding.
#[must_use]
pub fn verdicts(
    bytes: &[u8],
    encoding: &str,
    profiles: &[&'static Profile],
    limits: &Limits,
) -> Vec<VerdictV1> {
    let verdicts = profile::verdicts(bytes, profiles, limits);
    let mut lines = Lines::new(bytes, encoding);
    verdicts.iter().map(|verdict| VerdictV1::new(verdict, &mut lines)).collect()
}

impl VerdictV1 {
    fn new(verdict: &Verdict, lines: &mut Lines<'_>) -> Self {
        Self {
            profile: verdict.profile.id,
            digest: format!("sha256:{}", verdict.profile.digest),
            verdict: verdict.outcome.as_str(),
            vast_error: verdict.vast_error,
            reasons: verdict.reasons.iter().map(|reason| ReasonV1::new(reason, lines)).collect(),
        }
    }
}

impl ReasonV1 {
    fn new(reason: &Reason, lines: &mut Lines<'_>) -> Self {
        Self {
            weight: reason.weight.as_str(),
            message: reason.message.to_string(),
            path: reason.path.to_string(),
            span: SpanV1::new(reason.span, lines),
            places: reason.places,
            requirement: reason.requirement.map(RequirementV1::from),
        }
    }
}
