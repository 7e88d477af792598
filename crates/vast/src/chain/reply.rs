//! What a chain needs to know of one document.

use adproof_model::DocumentKind;

use super::model::{Creative, MediaFile, UniversalAdId};
use crate::document::{Document, ElementId, State};
use crate::parse::OTHER_ROOTS;
use crate::{Limits, Version, parse};

/// One response, read.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// `VAST@version` as written.
    pub(super) version: Option<Box<str>>,
    /// Whether the root has an Error, which is called when there is no ad.
    pub(super) root_error: bool,
    /// The ads, in document order.
    pub(super) ads: Vec<Ad>,
    /// Why the document is of no use to a player.
    pub(super) unusable: Option<Unusable>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("not read: {0}")]
    Refused(Box<str>),
    #[error("not well-formed: {0}")]
    Malformed(Box<str>),
    #[error("not VAST but {0}")]
    NotVast(Box<str>),
    #[error("VAST {0} is not a version that players know")]
    Version(Box<str>),
}

/// One Ad.
#[derive(Debug)]
pub(super) struct Ad {
    /// Its place among the Ads, counted from 1.
    pub(super) number: u32,
    pub(super) sequence: Option<u32>,
    pub(super) body: AdBody,
    trackers: Vec<RawTracker>,
    creative: Creative,
    has_companions: bool,
    has_icons: bool,
}

#[derive(Debug)]
pub(super) enum AdBody {
    Inline,
    Wrapper {
        uri: Box<str>,
        follow_additional: bool,
        allow_multiple: bool,
        fallback_on_no_ad: bool,
    },
}

#[derive(Debug)]
pub(super) struct RawTracker {
    pub(super) event: Box<str>,
    pub(super) url: Box<str>,
    pub(super) position: u32,
    pub(super) of: Of,
}

/// What a tracker counts. Of companions and icons only those nearest to the ad are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Ad,
    Companion,
    Icon,
}

impl Reply {
    /// Reads a body. One without a visible byte is how many servers say that they have no ad.
    pub(super) fn read(body: &[u8]) -> Self {
        if body.trim_ascii().is_empty() {
            return Self::default();
        }
        // The chain's own bound on bytes has been kept already.
        let limits = Limits { bytes: u32::MAX, ..Limits::default() };
        let doc = parse(body, &limits);
        let version = doc.root().and_then(|root| text_of(doc.attribute(root, "version")));
        let unusable = unusable(&doc, version.as_deref());
        let mut reply = Self { version, unusable, ..Self::default() };
        if reply.unusable.is_some() {
            return reply;
        }
        let Some(root) = doc.root() else {
            return reply;
        };
        let named = |name: &'static str| {
            let doc = &doc;
            doc.children(root).filter(move |child| doc.name(*child) == name)
        };
        reply.root_error = named("Error").next().is_some();
        reply.ads =
            named("Ad").zip(1..).filter_map(|(ad, number)| Ad::read(&doc, ad, number)).collect();
        reply
    }
}

fn unusable(doc: &Document<'_>, version: Option<&str>) -> Option<Unusable> {
    let why = || {
        let problem = doc.problems.first();
        problem.map_or_else(|| "it is no XML".into(), |problem| problem.message.clone())
    };
    let other_root = doc.root().is_some()
        && doc.problems.iter().any(|problem| OTHER_ROOTS.contains(&problem.rule));
    match doc.state {
        State::Refused => return Some(Unusable::Refused(why())),
        State::Malformed if other_root => {
            let name = doc.root().map_or("", |root| doc.tag(root));
            if name == "VideoAdServingTemplate" {
                return Some(Unusable::Version("1".into()));
            }
            let name: String = name.chars().take(40).collect();
            return Some(Unusable::NotVast(format!("<{name}>").into()));
        }
        State::Malformed => return Some(Unusable::Malformed(why())),
        State::Whole => {}
    }
    if doc.kind() != DocumentKind::Vast {
        return Some(Unusable::NotVast(doc.kind().as_str().into()));
    }
    let version = version?.trim();
    // Old tags leave the minor number out.
    if Version::declared(version).is_some() || matches!(version, "2" | "3" | "4") {
        return None;
    }
    let shown: String = version.chars().take(20).collect();
    Some(Unusable::Version(shown.into()))
}

impl Ad {
    fn read(doc: &Document<'_>, ad: ElementId, number: u32) -> Option<Self> {
        let (inner, body) = if let Some(inline) = doc.child(ad, "InLine") {
            (inline, AdBody::Inline)
        } else {
            let wrapper = doc.child(ad, "Wrapper")?;
            let flag = |name, default| {
                let value = doc.attribute(wrapper, name);
                match value.as_deref().map(str::trim) {
                    Some("true" | "1") => true,
                    Some("false" | "0") => false,
                    _ => default,
                }
            };
            let uri = doc.child(wrapper, "VASTAdTagURI");
            let body = AdBody::Wrapper {
                uri: uri.map_or_else(Box::default, |uri| doc.content(uri).into()),
                follow_additional: flag("followAdditionalWrappers", true),
                allow_multiple: flag("allowMultipleAds", false),
                fallback_on_no_ad: flag("fallbackOnNoAd", false),
            };
            (wrapper, body)
        };
        let mut collector =
            Collector { doc, trackers: Vec::new(), has_companions: false, has_icons: false };
        collector.walk(inner, Of::Ad, "");
        let sequence = doc.attribute(ad, "sequence");
        let sequence =
            sequence.and_then(|text| text.trim().parse().ok()).filter(|number| *number > 0);
        let Collector { trackers, has_companions, has_icons, .. } = collector;
        let creative = summary(doc, ad, inner);
        Some(Self { number, sequence, body, trackers, creative, has_companions, has_icons })
    }

    pub(super) fn ad_system(&self) -> Option<&str> {
        self.creative.ad_system.as_deref()
    }

    pub(super) fn is_wrapper(&self) -> bool {
        matches!(self.body, AdBody::Wrapper { .. })
    }

    pub(super) fn has(&self, of: Of) -> bool {
        match of {
            Of::Ad => true,
            Of::Companion => self.has_companions,
            Of::Icon => self.has_icons,
        }
    }

    pub(super) fn trackers(&self) -> &[RawTracker] {
        &self.trackers
    }

    /// Adds what this ad says to what the hops before it said. The nearer one wins, but each may
    /// name verification vendors.
    pub(super) fn contribute(&self, creative: &mut Creative) {
        let own = &self.creative;
        let mut vendors = std::mem::take(&mut creative.verification_vendors);
        for vendor in &own.verification_vendors {
            if !vendors.contains(vendor) {
                vendors.push(vendor.clone());
            }
        }
        let click_through = own.click_through.clone().or_else(|| creative.click_through.take());
        let companions = if own.companions == 0 { creative.companions } else { own.companions };
        *creative =
            Creative { click_through, companions, verification_vendors: vendors, ..own.clone() };
    }
}

struct Collector<'d, 'a> {
    doc: &'d Document<'a>,
    trackers: Vec<RawTracker>,
    has_companions: bool,
    has_icons: bool,
}

impl Collector<'_, '_> {
    /// Collects in document order. Recursion ends where the parser's bound on depth does.
    fn walk(&mut self, element: ElementId, of: Of, prefix: &str) {
        let doc = self.doc;
        for child in doc.children(element) {
            let event = match doc.name(child) {
                // What an extension holds is nobody's business but its owner's.
                "Extensions" | "CreativeExtensions" => continue,
                "Companion" => {
                    let shows = ["StaticResource", "IFrameResource", "HTMLResource"];
                    let shows = shows.iter().any(|name| doc.child(child, name).is_some());
                    self.has_companions |= shows;
                    // Without a resource it only counts the companion of a hop further on.
                    self.walk(child, if shows { Of::Companion } else { of }, "companion.");
                    continue;
                }
                "Icon" => {
                    self.has_icons = true;
                    self.walk(child, Of::Icon, prefix);
                    continue;
                }
                "NonLinearAds" => {
                    self.walk(child, of, "nonLinear.");
                    continue;
                }
                "Impression" => "impression".to_owned(),
                "Error" => "error".to_owned(),
                "Viewable" => "viewable".to_owned(),
                "NotViewable" => "notViewable".to_owned(),
                "ViewUndetermined" => "viewUndetermined".to_owned(),
                "ClickTracking" => "clickTracking".to_owned(),
                "CustomClick" => "customClick".to_owned(),
                "CompanionClickTracking" => "companion.clickTracking".to_owned(),
                "NonLinearClickTracking" => "nonLinear.clickTracking".to_owned(),
                "IconClickTracking" => "icon.clickTracking".to_owned(),
                "IconViewTracking" => "icon.view".to_owned(),
                "Tracking" => {
                    let event = doc.attribute(child, "event").unwrap_or_default();
                    match doc.attribute(child, "offset") {
                        Some(offset) => format!("{prefix}{}@{}", event.trim(), offset.trim()),
                        None => format!("{prefix}{}", event.trim()),
                    }
                }
                _ => {
                    self.walk(child, of, prefix);
                    continue;
                }
            };
            let url = doc.content(child);
            if url.is_empty() {
                continue;
            }
            self.trackers.push(RawTracker {
                event: event.into(),
                url: url.into(),
                position: u32::try_from(self.trackers.len().saturating_add(1)).unwrap_or(u32::MAX),
                of,
            });
        }
    }
}

fn summary(doc: &Document<'_>, ad: ElementId, inner: ElementId) -> Creative {
    let text = |name| {
        let content = doc.child(inner, name).map(|child| doc.content(child));
        text_of(content)
    };
    let mut creative = Creative {
        ad_id: text_of(doc.attribute(ad, "id")),
        ad_system: text("AdSystem"),
        title: text("AdTitle"),
        advertiser: text("Advertiser"),
        ad_serving_id: text("AdServingId"),
        ..Creative::default()
    };
    let inside = |id: ElementId, name: &'static str| {
        let found: Vec<ElementId> =
            doc.children(id).filter(|child| doc.name(*child) == name).collect();
        found
    };
    for verification in
        inside(inner, "AdVerifications").into_iter().flat_map(|id| inside(id, "Verification"))
    {
        creative.verification_vendors.extend(text_of(doc.attribute(verification, "vendor")));
    }
    for one in inside(inner, "Creatives").into_iter().flat_map(|id| inside(id, "Creative")) {
        for id in inside(one, "UniversalAdId") {
            creative.universal_ad_ids.push(UniversalAdId {
                registry: text_of(doc.attribute(id, "idRegistry")).unwrap_or_default(),
                // 4.0 has the value in an attribute, later versions as text.
                value: text_of(Some(doc.content(id)))
                    .or_else(|| text_of(doc.attribute(id, "idValue")))
                    .unwrap_or_default(),
            });
        }
        for companions in inside(one, "CompanionAds") {
            creative.companions =
                creative.companions.saturating_add(count(&inside(companions, "Companion")));
        }
        for non_linears in inside(one, "NonLinearAds") {
            creative.non_linears =
                creative.non_linears.saturating_add(count(&inside(non_linears, "NonLinear")));
        }
        for linear in inside(one, "Linear") {
            let duration =
                doc.child(linear, "Duration").and_then(|id| duration_ms(&doc.content(id)));
            creative.duration_ms = creative.duration_ms.or(duration);
            let skip = text_of(doc.attribute(linear, "skipoffset"));
            creative.skip_offset = creative.skip_offset.take().or(skip);
            for file in
                inside(linear, "MediaFiles").into_iter().flat_map(|id| inside(id, "MediaFile"))
            {
                let number =
                    |name| doc.attribute(file, name).and_then(|text| text.trim().parse().ok());
                creative.media_files.push(MediaFile {
                    url: doc.content(file).into(),
                    mime: text_of(doc.attribute(file, "type")),
                    delivery: text_of(doc.attribute(file, "delivery")),
                    width: number("width"),
                    height: number("height"),
                    bitrate_kbps: number("bitrate"),
                });
            }
            for clicks in inside(linear, "VideoClicks") {
                let click = doc.child(clicks, "ClickThrough").map(|id| doc.content(id));
                creative.click_through = creative.click_through.take().or(text_of(click));
            }
        }
    }
    creative
}

fn count(found: &[ElementId]) -> u32 {
    u32::try_from(found.len()).unwrap_or(u32::MAX)
}

fn text_of(text: Option<impl AsRef<str>>) -> Option<Box<str>> {
    let text = text?;
    let text = text.as_ref().trim();
    (!text.is_empty()).then(|| text.into())
}

/// `HH:MM:SS` or `HH:MM:SS.mmm`.
fn duration_ms(text: &str) -> Option<u32> {
    let (clock, millis) = text.split_once('.').unwrap_or((text, "0"));
    let mut fields = clock.split(':').map(|field| field.parse::<u32>().ok());
    let (hours, minutes, seconds) = (fields.next()??, fields.next()??, fields.next()??);
    if fields.next().is_some() || minutes > 59 || seconds > 59 || millis.len() > 3 {
        return None;
    }
    // `.5` is half a second.
    let scale = [1_000, 100, 10, 1].get(millis.len())?;
    let millis = millis.parse::<u32>().ok()?.checked_mul(*scale)?;
    hours
        .checked_mul(3_600)?
        .checked_add(minutes * 60 + seconds)?
        .checked_mul(1_000)?
        .checked_add(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_to_the_millisecond() {
        for (text, expect) in [
            ("00:00:30", Some(30_000)),
            ("00:00:15.5", Some(15_500)),
            ("00:00:15.005", Some(15_005)),
            ("01:02:03", Some(3_723_000)),
            ("00:60:00", None),
            ("30", None),
            ("00:00:30.0000", None),
            ("1193:02:47.295", Some(4_294_967_295)),
            ("1193:02:47.296", None),
            ("99999999:00:00", None),
        ] {
            assert_eq!(duration_ms(text), expect, "{text}");
        }
    }
}
