//! Verification: who measures, with what, and who hears that it failed.

use std::borrow::Cow;

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::identity::Named;
use crate::rules::{identity, mend, name_range};
use crate::sink::Sink;
use crate::sort::sorted_by;
use crate::text::Text as _;

/// `AdVerifications`: vendors that are there once.
pub(crate) fn list(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let mut vendors = Vec::new();
    let mut scripts: Vec<Named<'_>> = Vec::new();
    let of_type = |parent: ElementId, wanted| {
        doc.children(parent)
            .filter_map(|child| Some((child, doc.element(child)?)))
            .filter(move |(_, child)| child.ty == wanted)
    };
    let mut any = element.has(UNCLOSED);
    for (verification, found) in of_type(id, ty::VERIFICATION) {
        any = true;
        let mut named = "";
        if let Some(vendor) = doc.attr(found, name::VENDOR) {
            let range = (vendor.value_start, vendor.value_end);
            named = doc.slice(range.0, range.1).trimmed();
            vendors.push((("", Cow::Borrowed(named)), verification, range));
        }
        let script = of_type(verification, ty::JAVA_SCRIPT_RESOURCE).next();
        scripts.extend(
            script.map(|(script, found)| ((named, doc.content(script)), script, name_range(found))),
        );
    }
    if !any && element.first_child.some().is_none() {
        sink.report_on(
            Id::AdverificationsEmpty,
            id,
            format_args!("<AdVerifications> has no <Verification>"),
        );
    }
    identity::for_repeated(&vendors, &mut |verification, range, vendor| {
        let quoted = sink.quote(vendor);
        sink.report(
            Id::VerificationVendorDuplicate,
            verification,
            range,
            format_args!("`{quoted}` verifies this ad twice"),
        );
    });
    // Two verifications of one vendor are reported above.
    let scripts: Vec<&Named<'_>> = scripts.iter().collect();
    let mut scripts = sorted_by(&scripts, |a, b| a.0.cmp(&b.0));
    scripts.dedup_by(|a, b| a.0 == b.0);
    let urls: Vec<Named<'_>> =
        scripts.iter().map(|((_, url), id, range)| (("", url.clone()), *id, *range)).collect();
    identity::for_repeated(&urls, &mut |script, range, _| {
        sink.report(
            Id::VerificationScriptDuplicate,
            script,
            range,
            format_args!("another verification of this ad loads the same script"),
        );
    });
}

/// `Verification`: the vendor's name, its parameters, its failure tracker.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(vendor) = doc.attr(element, name::VENDOR) {
        let range = (vendor.value_start, vendor.value_end);
        let value = doc.slice(range.0, range.1).trimmed();
        if !is_vendor(value) && !identity::is_unfilled(value) {
            let quoted = sink.quote(value);
            sink.report(
                Id::VerificationVendorForm,
                id,
                range,
                format_args!(
                    "the vendor `{quoted}` should be its domain and a use: `example.com-omid`"
                ),
            );
        }
    }
    if element.has(UNCLOSED) {
        return;
    }
    let (mut script, mut omid, mut parameters, mut tracked) = (false, false, false, false);
    for child in doc.children(id) {
        let Some(found) = doc.element(child) else {
            continue;
        };
        match found.ty {
            ty::JAVA_SCRIPT_RESOURCE => {
                script = true;
                omid |= doc
                    .attr_raw(found, name::API_FRAMEWORK)
                    .is_some_and(|api| api.trimmed().is_like("omid"));
            }
            ty::EXECUTABLE_RESOURCE => script = true,
            ty::VERIFICATION_PARAMETERS => {
                parameters |=
                    doc.content_range(child).is_some() || found.first_child.some().is_some();
            }
            ty::VERIFICATION_TRACKING_EVENTS => tracked |= found.first_child.some().is_some(),
            _ => {}
        }
    }
    if omid && !parameters {
        sink.report_on(
            Id::VerificationWithoutParameters,
            id,
            format_args!("the script of <Verification> is given no <VerificationParameters>"),
        );
    }
    if script && !tracked {
        sink.report_on(
            Id::VerificationWithoutFailureTracker,
            id,
            format_args!("nobody hears when this verification does not run"),
        );
    }
}

/// A domain, perhaps with a use behind it.
fn is_vendor(text: &str) -> bool {
    text.has(b'.')
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// `Tracking` of a verification: a failure and its reason.
pub(crate) fn tracking(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if doc.attr_raw(element, name::EVENT) != Some("verificationNotExecuted") {
        return;
    }
    let url = doc.content(id);
    if !url.is_empty() && !url.holds("REASON") {
        sink.report(
            Id::VerificationTrackerWithoutReason,
            id,
            doc.content_range(id).unwrap_or_else(|| name_range(element)),
            format_args!("the URL has no [REASON], so that a failure is counted and not explained"),
        );
    }
}

/// `JavaScriptResource`, `ExecutableResource`: the interface, and that it is fetched safely.
pub(crate) fn resource(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(api) = doc.attr(element, name::API_FRAMEWORK) {
        let range = (api.value_start, api.value_end);
        let value = doc.slice(range.0, range.1);
        if value != "omid" {
            let quoted = sink.quote(value);
            sink.report_fix(
                Id::VerificationApiNotOmid,
                id,
                range,
                format_args!("players run `omid`; `apiFramework` is `{quoted}`"),
                |_| {
                    value
                        .trimmed()
                        .is_like("omid")
                        .then(|| mend::replace("Write `omid`", range, "omid"))?
                },
            );
        }
    }
    if element.ty == ty::EXECUTABLE_RESOURCE {
        let text = doc.content(id);
        let Some(range) = doc.content_range(id) else {
            if element.first_child.some().is_none() && !element.has(UNCLOSED) {
                sink.report_on(
                    Id::ExecutableresourceEmpty,
                    id,
                    format_args!("<ExecutableResource> names nothing to run"),
                );
            }
            return;
        };
        if text.begins_like("http://") {
            sink.report(
                Id::ExecutableresourceHttp,
                id,
                range,
                format_args!("code is fetched over HTTP, where anyone on the way can replace it"),
            );
        }
    }
}
