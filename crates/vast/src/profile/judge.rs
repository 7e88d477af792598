//! What requirements find, gathered into one verdict a profile.

use std::fmt::Write as _;

use adproof_model::{Axis, Finding, Severity};

use super::facts::{Ad, Facts, Holds};
use super::requirement::{Check, Effect, Requirement};
use super::{Outcome, Profile, Reason, Verdict, Weight};
use crate::document::{Document, ElementId, Problem, State};
use crate::generated::rules::Id;
use crate::parse::OTHER_ROOTS;
use crate::{Limits, Options, check};

/// What each profile makes of a document.
pub(super) fn all(bytes: &[u8], profiles: &[&'static Profile], limits: &Limits) -> Vec<Verdict> {
    let checked = check(bytes, &options(profiles, limits)).findings;
    let doc = checked.document();
    let findings: Vec<Finding> = checked.iter().collect();
    let facts = Facts::gather(doc);
    profiles
        .iter()
        .map(|profile| {
            let mut judge = Judge::new(profile, doc, &facts, &findings);
            judge.run();
            judge.verdict()
        })
        .collect()
}

/// The rules that decide for one of the profiles, and our own bounds.
fn options(profiles: &[&'static Profile], limits: &Limits) -> Options {
    let requirements = profiles.iter().flat_map(|profile| profile.requirements);
    let mut rules: Vec<&str> = requirements.filter_map(|one| Some(one.rule()?.id)).collect();
    rules.push(Axis::Limit.as_str());
    rules.sort_unstable();
    rules.dedup();
    let mut options = Options::default();
    options.limits = *limits;
    // The ids come from the table of the rules, so that none of them is unknown.
    let _ = options.select(&rules);
    options
}

/// The verdict of one profile in the making.
pub(super) struct Judge<'d> {
    pub(super) profile: &'static Profile,
    pub(super) doc: &'d Document<'d>,
    pub(super) facts: &'d Facts,
    pub(super) findings: &'d [Finding],
    reasons: Vec<Reason>,
    /// The fault for which nothing can be read.
    pub(super) unreadable: Option<&'d Problem>,
    /// Ads that do not play.
    failed: Vec<bool>,
    /// The response as a whole.
    all_failed: bool,
    degraded: bool,
    unknown: bool,
}

/// Where something is said of.
#[derive(Clone, Copy)]
pub(super) enum Place<'d> {
    Document,
    Element(ElementId),
    /// An element and a range of the text.
    Range(ElementId, u32, u32),
    Finding(&'d Finding),
}

/// The text whose ads are concerned.
pub(super) type Scope = (u32, u32);

pub(super) const WHOLE: Scope = (0, u32::MAX);

impl<'d> Judge<'d> {
    fn new(
        profile: &'static Profile,
        doc: &'d Document<'d>,
        facts: &'d Facts,
        findings: &'d [Finding],
    ) -> Self {
        Self {
            profile,
            doc,
            facts,
            findings,
            reasons: Vec::new(),
            unreadable: unreadable(doc),
            failed: vec![false; facts.ads.len()],
            all_failed: false,
            degraded: false,
            unknown: false,
        }
    }

    fn run(&mut self) {
        let findings = self.findings;
        let mut partly = false;
        for finding in findings.iter().filter(|finding| finding.axis == Axis::Limit) {
            partly |= finding.rule != Id::LimitFindings.rule().id;
            self.unknown(None, finding.message.to_string(), Place::Finding(finding));
        }
        if self.doc.state == State::Refused {
            return self.unknown(None, "the document was not read".to_owned(), Place::Document);
        }
        // What is missing may stand in the part that was not read.
        if partly {
            return;
        }
        for requirement in self.profile.requirements {
            self.requirement(requirement);
        }
        if self.unreadable.is_none() && !self.all_failed {
            self.elsewhere();
        }
    }

    /// Ads that stand in other documents leave the question open, and so does no ad at all.
    fn elsewhere(&mut self) {
        if self.facts.ads.is_empty() {
            return self.unknown(None, "the document holds no ad".to_owned(), Place::Document);
        }
        self.nonlinear();
        let facts = self.facts;
        let open = || {
            let ads = facts.ads.iter().enumerate();
            ads.filter(|(_, ad)| matches!(ad.holds, Holds::Wrapper | Holds::Tag))
                .map(|(place, ad)| (place, ad.id))
        };
        let open: Vec<ElementId> = open()
            .filter(|(place, _)| !self.failed.get(*place).copied().unwrap_or(false))
            .map(|(_, id)| id)
            .collect();
        let Some(first) = open.first() else {
            return;
        };
        let most = self.profile.requirements.iter().find_map(|one| match one.check {
            Check::Wrappers(most) => Some((one, most)),
            _ => None,
        });
        let mut message = String::from("the ad stands in the response that this leads to");
        if let Some((_, most)) = most {
            let _ = write!(message, "; at most {most} wrappers may stand before it");
        }
        self.unknown(most.map(|(one, _)| one), message, Place::Element(*first));
        if let Some(reason) = self.reasons.last_mut() {
            reason.places = count(open.len());
        }
    }

    /// A profile that speaks of linear creatives only says nothing of an ad without one.
    fn nonlinear(&mut self) {
        let mut speaks = false;
        for requirement in self.profile.requirements {
            if matches!(requirement.check, Check::Linear | Check::NonLinear) {
                return;
            }
            speaks |= requirement.is_of_linear();
        }
        let facts = self.facts;
        let without = |ad: &&Ad| ad.holds == Holds::Inline && ad.has_creative && !ad.has_linear;
        for ad in facts.ads.iter().filter(without).filter(|_| speaks) {
            let message = "the ad has no linear creative, and of others the profile says nothing";
            self.unknown(None, message.to_owned(), Place::Element(ad.id));
        }
    }

    fn verdict(mut self) -> Verdict {
        let ads = self.failed.len();
        let failed = self.failed.iter().filter(|failed| **failed).count();
        let outcome = if self.all_failed || (ads > 0 && failed == ads) {
            Outcome::Fails
        } else if self.unknown {
            Outcome::Unknown
        } else if failed > 0 || self.degraded {
            Outcome::Degraded
        } else {
            Outcome::Plays
        };
        self.reasons.sort_by_key(|reason| reason.weight);
        // Codes are numbered in the order in which a player works, so that the least comes first.
        let fails = self.reasons.iter().filter(|reason| reason.weight == Weight::Fails);
        let vast_error = fails.filter_map(|reason| reason.requirement?.vast_error).min();
        let vast_error = vast_error.filter(|_| outcome == Outcome::Fails);
        Verdict { profile: self.profile, outcome, vast_error, reasons: self.reasons }
    }

    /// Counts a place where a requirement is not met, and marks the ads that it concerns.
    pub(super) fn hit(
        &mut self,
        requirement: &'static Requirement,
        scope: Scope,
        place: Place<'d>,
        message: impl FnOnce() -> String,
    ) {
        let weight = if requirement.effect == Effect::Fails {
            self.fail(if requirement.whole { WHOLE } else { scope });
            Weight::Fails
        } else {
            self.degraded = true;
            Weight::Degrades
        };
        if !self.again(Some(requirement), weight, None) {
            self.push(Some(requirement), weight, message(), place);
        }
    }

    fn fail(&mut self, scope: Scope) {
        if scope == WHOLE || self.facts.ads.is_empty() {
            self.all_failed = true;
            return;
        }
        let ads = &self.facts.ads;
        let first = ads.partition_point(|ad| ad.start < scope.0);
        let after = ads.partition_point(|ad| ad.start < scope.1);
        match self.failed.get_mut(first..after) {
            Some(marks) if !marks.is_empty() => marks.fill(true),
            // It stands beside the ads.
            _ => self.degraded = true,
        }
    }

    /// The verdict cannot be reached here.
    pub(super) fn unknown(
        &mut self,
        requirement: Option<&'static Requirement>,
        message: String,
        place: Place<'d>,
    ) {
        self.unknown = true;
        if !self.again(requirement, Weight::Unknown, Some(&message)) {
            self.push(requirement, Weight::Unknown, message, place);
        }
    }

    /// Counts one more place of a reason that is known.
    fn again(
        &mut self,
        requirement: Option<&'static Requirement>,
        weight: Weight,
        message: Option<&str>,
    ) -> bool {
        let same = |reason: &&mut Reason| {
            reason.weight == weight
                && match (reason.requirement, requirement) {
                    (Some(known), Some(asked)) => std::ptr::eq(known, asked),
                    (None, None) => Some(&*reason.message) == message,
                    _ => false,
                }
        };
        let known = self.reasons.iter_mut().find(same);
        known.is_some_and(|reason| {
            reason.places = reason.places.saturating_add(1);
            true
        })
    }

    /// A path takes a walk over the siblings, so that only the first place of a reason has one.
    fn push(
        &mut self,
        requirement: Option<&'static Requirement>,
        weight: Weight,
        message: String,
        place: Place<'d>,
    ) {
        let element = match place {
            Place::Document => self.doc.root(),
            Place::Element(id) | Place::Range(id, ..) => Some(id),
            Place::Finding(_) => None,
        };
        let path = element.map(|id| self.doc.path(id)).unwrap_or_default();
        let (path, span) = match place {
            Place::Finding(finding) => (finding.path.as_ref().into(), finding.span),
            Place::Range(_, start, end) => (path.into(), self.doc.span(start, end)),
            Place::Document | Place::Element(_) => {
                let span = element.map(|id| self.doc.tag_span(id)).unwrap_or_default();
                (path.into(), span)
            }
        };
        let message = message.into();
        self.reasons.push(Reason { requirement, weight, message, path, span, places: 1 });
    }
}

/// The first fault of a document that is not well-formed. Another root alone can be read.
fn unreadable<'d>(doc: &'d Document<'_>) -> Option<&'d Problem> {
    let is_fault = |one: &&Problem| {
        let other_root = doc.root().is_some() && OTHER_ROOTS.contains(&one.rule);
        !other_root && one.rule.rule().severity == Severity::Error
    };
    doc.problems.iter().filter(|_| doc.state == State::Malformed).find(is_fault)
}

pub(super) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{ProfileKind, Source};
    use super::*;

    static SOURCE: Source = Source::new("A page", "https://example.com/", None);

    const fn fails(check: Check) -> Requirement {
        Requirement {
            check,
            effect: Effect::Fails,
            vast_error: None,
            whole: false,
            why: "It says so.",
            source: &SOURCE,
            from: "test",
        }
    }

    static STREAMS: Profile = Profile {
        id: "test",
        title: "Streams only, one by one",
        kind: ProfileKind::Player,
        about: "It takes words that no shipped profile uses.",
        digest: adproof_model::Digest::new([0; 32]),
        requirements: &[fails(Check::NoPod), fails(Check::Delivery("streaming"))],
    };

    fn verdict(tag: &str) -> (Outcome, Vec<String>) {
        let verdict = all(tag.as_bytes(), &[&STREAMS], &Limits::default()).remove(0);
        let reasons = verdict.reasons.iter();
        (verdict.outcome, reasons.map(|reason| reason.message.to_string()).collect())
    }

    fn ad(attributes: &str, file: &str) -> String {
        format!(
            "<Ad{attributes}><InLine><Creatives><Creative><Linear><MediaFiles><MediaFile{file}/>\
             </MediaFiles></Linear></Creative></Creatives></InLine></Ad>"
        )
    }

    fn vast(ads: &[String]) -> String {
        format!("<VAST version=\"3.0\">{}</VAST>", ads.concat())
    }

    #[test]
    fn a_pod_is_two_ads_with_a_sequence() {
        let one = ad(" sequence=\"1\"", " delivery=\"streaming\"");
        let two = ad(" sequence=\"2\"", " delivery=\"streaming\"");
        assert_eq!(verdict(&vast(std::slice::from_ref(&one))).0, Outcome::Plays);
        let (outcome, reasons) = verdict(&vast(&[one, two]));
        assert_eq!(outcome, Outcome::Fails);
        assert_eq!(reasons, ["this ad is part of a pod"]);
    }

    #[test]
    fn delivery_is_judged_where_it_is_said() {
        let of = |file: &str| verdict(&vast(&[ad("", file)]));
        assert_eq!(of(" delivery=\"streaming\"").0, Outcome::Plays);
        assert_eq!(of(" delivery=\"progressive\"").0, Outcome::Fails);
        let (outcome, reasons) = of("");
        assert_eq!(outcome, Outcome::Unknown);
        assert_eq!(reasons, ["a file does not say its delivery"]);
    }

    #[test]
    fn one_ad_that_plays_keeps_the_response_from_failing() {
        let (good, bad) = (ad("", " delivery=\"streaming\""), ad("", " delivery=\"progressive\""));
        assert_eq!(verdict(&vast(&[good, bad.clone()])).0, Outcome::Degraded);
        assert_eq!(verdict(&vast(&[bad.clone(), bad])).0, Outcome::Fails);
    }
}
