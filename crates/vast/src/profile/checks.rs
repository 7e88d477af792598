//! Each requirement against the document.

use std::fmt::Write as _;

use adproof_model::Finding;

use super::facts::{self, Holds};
use super::judge::{Judge, Place, WHOLE};
use super::media::Judged;
use super::requirement::{self, Check, Effect, Requirement, Urls, Vpaid};
use crate::Version;
use crate::document::ElementId;
use crate::generated::structure::name;
use crate::parse::excerpt;

/// Characters of the document that a message quotes.
pub(super) const QUOTED: u32 = 60;

impl<'d> Judge<'d> {
    /// Judges the document by one requirement.
    pub(super) fn requirement(&mut self, requirement: &'static Requirement) {
        if requirement.effect == Effect::Note {
            return;
        }
        if self.unreadable.is_some() && !matches!(requirement.check, Check::Readable) {
            return;
        }
        match &requirement.check {
            Check::Rule(id) => self.rule(requirement, id.rule().id),
            Check::Readable => self.readable(requirement),
            Check::Kinds(kinds) => {
                if !kinds.contains(&self.doc.kind) {
                    let kind = self.doc.kind.as_str();
                    self.hit(requirement, WHOLE, Place::Document, || article(kind));
                }
            }
            Check::Versions(set) => self.versions(requirement, *set),
            Check::Wrappers(0) => {
                self.ads(requirement, "this ad is a wrapper", |ad| ad.holds == Holds::Wrapper);
            }
            Check::NoPod if self.facts.ads.iter().filter(|ad| ad.in_pod).nth(1).is_some() => {
                self.ads(requirement, "this ad is part of a pod", |ad| ad.in_pod);
            }
            Check::SingleAd => {
                let first = self.facts.ads.first().map(|ad| ad.id);
                let more = |ad: &facts::Ad| ad.holds != Holds::Tag && Some(ad.id) != first;
                self.ads(requirement, "only the first ad is taken", more);
            }
            Check::Creative => {
                let without = |ad: &facts::Ad| ad.holds == Holds::Inline && !ad.has_creative;
                self.ads(requirement, "this ad has nothing to show", without);
            }
            Check::Linear => {
                let without = |ad: &facts::Ad| ad.holds == Holds::Inline && !ad.has_linear;
                self.ads(requirement, "this ad has no linear creative", without);
            }
            Check::NoNonLinear => {
                let message = "this creative is nonlinear";
                self.elements(requirement, &self.facts.nonlinears, message);
            }
            Check::NoSimid => {
                let message = "this interactive file is SIMID";
                self.elements(requirement, &self.facts.simid, message);
            }
            Check::NoVerification => {
                let message = "the ad brings verification scripts";
                self.elements(requirement, &self.facts.verifications, message);
            }
            Check::NoVpaid(Vpaid::Mentioned) => self.mentioned(requirement),
            Check::Https(groups) => self.https(requirement, groups),
            Check::Wrappers(_)
            | Check::NoPod
            | Check::NonLinear
            | Check::TimeoutsMs(..)
            | Check::Note => {}
            _ => self.linears(requirement),
        }
    }

    fn rule(&mut self, requirement: &'static Requirement, rule: &str) {
        let findings = self.findings;
        for finding in findings.iter().filter(|finding| finding.rule == rule) {
            let ad = self.ad_of(finding).map_or(WHOLE, |ad| (ad.start, ad.end));
            let message = || finding.message.to_string();
            self.hit(requirement, ad, Place::Finding(finding), message);
        }
    }

    /// The ad that a finding is in. Findings have bytes of the input, elements offsets of the text.
    fn ad_of(&self, finding: &Finding) -> Option<&'d facts::Ad> {
        let span = |ad: &facts::Ad| self.doc.element_span(ad.id);
        let after = self.facts.ads.partition_point(|ad| span(ad).start <= finding.span.start);
        let ad = self.facts.ads.get(after.checked_sub(1)?)?;
        (finding.span.start < span(ad).end).then_some(ad)
    }

    fn readable(&mut self, requirement: &'static Requirement) {
        if let Some(problem) = self.unreadable {
            let place = Place::Range(problem.element, problem.start, problem.end);
            self.hit(requirement, WHOLE, place, || problem.message.to_string());
        }
    }

    fn versions(&mut self, requirement: &'static Requirement, set: u8) {
        let (doc, facts) = (self.doc, self.facts);
        for id in &facts.vasts {
            let Some(element) = doc.element(*id) else {
                continue;
            };
            let Some(declared) = doc.attr_raw(element, name::VERSION) else {
                continue;
            };
            let declared = declared.trim_ascii();
            let known = Version::declared(declared);
            if known.is_none_or(|version| set & version.bit() == 0) {
                let message = || {
                    let taken = requirement::list(requirement::versions(set), "and");
                    let verb = if set.is_power_of_two() { "is" } else { "are" };
                    format!("the version is `{}`; {taken} {verb} taken", excerpt(declared, QUOTED))
                };
                self.element(requirement, *id, message);
            }
        }
    }

    fn mentioned(&mut self, requirement: &'static Requirement) {
        let text = self.doc.text.as_bytes();
        let word = b"vpaid";
        let at = text.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word));
        let (Some(at), Some(root)) = (at.and_then(|at| u32::try_from(at).ok()), self.doc.root())
        else {
            return;
        };
        let place = Place::Range(root, at, at.saturating_add(5));
        self.hit(requirement, WHOLE, place, || "the word VPAID stands in the response".to_owned());
    }

    fn https(&mut self, requirement: &'static Requirement, groups: &[Urls]) {
        let (doc, facts) = (self.doc, self.facts);
        for (group, id) in &facts.insecure {
            if groups.contains(group) {
                let message =
                    || format!("the address of this {} is `http:`", excerpt(doc.name(*id), QUOTED));
                self.element(requirement, *id, message);
            }
        }
    }

    /// Requirements of each linear creative.
    fn linears(&mut self, requirement: &'static Requirement) {
        let facts = self.facts;
        for linear in &facts.linears {
            match self.linear(&requirement.check, linear) {
                Judged::Missed(mut message) => {
                    if requirement.has_limit() {
                        let _ = write!(message, "; needed is {}", requirement.statement());
                    }
                    let place = match requirement.check {
                        Check::DurationsMs(_) | Check::DurationRangeMs(..) => linear.duration,
                        _ => None,
                    };
                    self.element(requirement, place.unwrap_or(linear.id), || message);
                }
                Judged::Unsaid(message) if requirement.effect == Effect::Fails => {
                    self.unknown(Some(requirement), message, Place::Element(linear.id));
                }
                Judged::Met | Judged::Unsaid(_) => {}
            }
        }
    }

    fn ads(
        &mut self,
        requirement: &'static Requirement,
        message: &str,
        concerned: impl Fn(&facts::Ad) -> bool,
    ) {
        let facts = self.facts;
        for ad in facts.ads.iter().filter(|ad| concerned(ad)) {
            self.element(requirement, ad.id, || message.to_owned());
        }
    }

    fn elements(&mut self, requirement: &'static Requirement, ids: &[ElementId], message: &str) {
        for id in ids {
            self.element(requirement, *id, || message.to_owned());
        }
    }

    fn element(
        &mut self,
        requirement: &'static Requirement,
        id: ElementId,
        message: impl FnOnce() -> String,
    ) {
        let Some(element) = self.doc.element(id) else {
            return;
        };
        let own = self.facts.ad_at(element.start).and_then(|ad| self.facts.ads.get(ad));
        let scope = own.map_or((element.start, element.end), |ad| (ad.start, ad.end));
        self.hit(requirement, scope, Place::Element(id), message);
    }
}

fn article(kind: &str) -> String {
    match kind {
        "unknown" => "this is no VAST document".to_owned(),
        kind => format!("this is a {kind} document"),
    }
}
