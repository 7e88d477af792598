//! `adproof.chain/1`: a wrapper chain, hop by hop.

use adproof_model::Severity;
use adproof_vast::chain::{Chain, Creative, Fault, Hop, NetworkHop, ResolvedAd, Tracker};
use adproof_vast::{Options, lint};
use schemars::JsonSchema;
use serde::Serialize;

use crate::lint::DocumentV1;

/// The JSON Schema of `adproof.chain/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ChainV1)
}

/// The JSON Schema of `adproof.chain-runs/1`.
#[must_use]
pub fn runs_schema() -> schemars::Schema {
    schemars::schema_for!(ChainRunsV1)
}

/// One chain, resolved several times.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChainRunsV1 {
    /// Always `adproof.chain-runs/1`.
    #[schemars(extend("const" = "adproof.chain-runs/1"))]
    pub schema: &'static str,
    /// How many times it was resolved.
    pub runs: u32,
    /// Whether all runs went the same way: outcome, code, addresses without their queries, ads.
    pub stable: bool,
    /// The ways that it went, the first seen first.
    pub ways: Vec<WayV1>,
}

/// A way that at least one run went.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WayV1 {
    /// The runs that went this way, from 1.
    pub runs: Vec<u32>,
    /// The chain of the first of them.
    pub chain: ChainV1,
}

/// A wrapper chain.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChainV1 {
    /// Always `adproof.chain/1`.
    #[schemars(extend("const" = "adproof.chain/1"))]
    pub schema: &'static str,
    /// The name under which the first document was given: an address or a path.
    pub start: String,
    /// How it ended. `error`: it could not be followed. `refused`: it was not followed although
    /// it could have been, because of a limit, a loop or a forbidden address.
    #[schemars(extend("enum" = ["resolved", "no_ad", "error", "refused"]))]
    pub outcome: &'static str,
    /// The VAST error code that a player would report; null when something plays, and when there
    /// was no ad without a wrapper before it.
    pub vast_error: Option<u16>,
    /// The documents, in the order in which they were needed.
    pub hops: Vec<HopV1>,
    /// What plays, in order.
    pub ads: Vec<AdV1>,
    /// Trackers that are not listed because of the bound on them.
    pub trackers_left_out: u64,
}

/// One document of a chain.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HopV1 {
    /// Its place in the list of hops, from 0.
    pub index: u32,
    /// The hop whose wrapper led here; null for the first.
    pub parent: Option<u32>,
    /// Which Ad of the parent that was, from 1 in document order.
    pub ad: Option<u32>,
    /// The address that was asked for, macros expanded; null for a document that was at hand.
    pub url: Option<String>,
    /// Where the document came from after redirects.
    pub final_url: Option<String>,
    /// The HTTP exchanges, redirects included; empty for a document that came from a file.
    pub http: Vec<ExchangeV1>,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// What browsers would be told about reading it across origins; null without such headers.
    pub cors: Option<CorsV1>,
    /// SHA-256 of the document, 64 hex digits; null when none came.
    pub sha256: Option<String>,
    /// What it holds.
    #[schemars(extend("enum" = ["inline", "wrapper", "empty", "unread"]))]
    pub kind: &'static str,
    /// The version that it declares.
    pub version: Option<String>,
    /// Who made it: AdSystem of its first ad.
    pub ad_system: Option<String>,
    /// Ads of the document that were not followed because of the bound on them.
    pub ads_left_out: u32,
    /// What the rules say of it; null when no document came.
    pub lint: Option<DocumentV1>,
    /// What went wrong here.
    pub fault: Option<FaultV1>,
    /// The code that the Error trackers of this hop would receive; they are never called.
    pub expected_error: Option<u16>,
}

/// One HTTP exchange.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExchangeV1 {
    /// The address that was asked.
    pub url: String,
    /// The status; null when no answer came.
    pub status: Option<u16>,
    /// The peer; null when no connection was made.
    pub remote_ip: Option<String>,
    /// The version of TLS, such as `1.3`; null without TLS.
    pub tls: Option<String>,
    /// From the name look-up to the last byte, in milliseconds.
    pub ms: u32,
    /// Bytes of the body on the wire.
    pub bytes: u64,
}

/// Headers for browser players.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CorsV1 {
    /// `Access-Control-Allow-Origin`.
    pub allow_origin: Option<String>,
    /// `Access-Control-Allow-Credentials`.
    pub allow_credentials: Option<String>,
}

/// What went wrong at a hop.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FaultV1 {
    /// The VAST error code that a player would report.
    pub code: u16,
    /// Whether the chain could have been followed and was not.
    pub refused: bool,
    /// What happened.
    pub text: String,
}

/// An ad that plays.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AdV1 {
    /// The hops from the first to the one that holds the ad.
    pub path: Vec<u32>,
    /// Its place in a pod.
    pub sequence: Option<u32>,
    /// What would play.
    pub creative: CreativeV1,
    /// What a player would request, from every hop of the path. Nothing of it was requested.
    pub trackers: Vec<TrackerV1>,
}

/// A tracker.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TrackerV1 {
    /// Its address as written, macros included.
    pub url: String,
    /// What it counts: `impression`, `error`, `start`, `companion.creativeView`, ….
    pub event: String,
    /// The hop that it comes from.
    pub hop: u32,
    /// Its place among the trackers of its ad in that hop, from 1.
    pub position: u32,
}

/// What would play.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CreativeV1 {
    /// The id of the Ad element.
    pub ad_id: Option<String>,
    /// AdSystem.
    pub ad_system: Option<String>,
    /// AdTitle.
    pub title: Option<String>,
    /// Advertiser.
    pub advertiser: Option<String>,
    /// AdServingId.
    pub ad_serving_id: Option<String>,
    /// The ids of the creative in registries.
    pub universal_ad_ids: Vec<UniversalAdIdV1>,
    /// The duration of the video, in milliseconds.
    pub duration_ms: Option<u32>,
    /// `skipoffset` as written.
    pub skip_offset: Option<String>,
    /// The renditions of the video.
    pub media_files: Vec<MediaFileV1>,
    /// Where a click leads, from the hop nearest to the ad that says so.
    pub click_through: Option<String>,
    /// How many companions there are.
    pub companions: u32,
    /// How many non-linear ads there are.
    pub non_linears: u32,
    /// Verification vendors, of every hop.
    pub verification_vendors: Vec<String>,
}

/// An id of a creative in a registry.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UniversalAdIdV1 {
    /// The registry.
    pub registry: String,
    /// The id.
    pub value: String,
}

/// A rendition of the video.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MediaFileV1 {
    /// Its address.
    pub url: String,
    /// Its MIME type as written.
    #[serde(rename = "type")]
    pub mime: Option<String>,
    /// `progressive` or `streaming` as written.
    pub delivery: Option<String>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Kilobits per second.
    pub bitrate_kbps: Option<u32>,
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

impl ChainV1 {
    /// From a chain and the name under which its first document was given; every document that
    /// came is linted.
    #[must_use]
    pub fn new(start: &str, chain: &Chain, options: &Options) -> Self {
        let hop = |hop| HopV1::new(hop, start, options);
        Self {
            schema: "adproof.chain/1",
            start: start.to_owned(),
            outcome: chain.outcome.as_str(),
            vast_error: chain.vast_error.map(adproof_vast::chain::VastError::code),
            hops: chain.hops.iter().map(hop).collect(),
            ads: chain.ads.iter().map(AdV1::from).collect(),
            trackers_left_out: chain.trackers_left_out,
        }
    }
}

impl ChainRunsV1 {
    /// From the chains of all runs, in order.
    #[must_use]
    pub fn new(chains: Vec<ChainV1>) -> Self {
        let mut ways: Vec<WayV1> = Vec::new();
        let mut runs = 0;
        for chain in chains {
            runs += 1;
            match ways.iter_mut().find(|way| way.chain.goes_like(&chain)) {
                Some(way) => way.runs.push(runs),
                None => ways.push(WayV1 { runs: vec![runs], chain }),
            }
        }
        Self { schema: "adproof.chain-runs/1", runs, stable: ways.len() <= 1, ways }
    }
}

impl ChainV1 {
    /// Whether another run went the same way. Bodies may differ: servers write the time and the
    /// cache buster into them.
    fn goes_like(&self, other: &Self) -> bool {
        self.way() == other.way()
    }

    #[allow(clippy::type_complexity, reason = "compared at once and never named")]
    fn way(
        &self,
    ) -> (&str, Option<u16>, Vec<(&str, &str, Option<u16>)>, Vec<(&[u32], Option<&str>)>) {
        fn place(url: Option<&str>) -> &str {
            url.and_then(|url| url.split(['?', '#']).next()).unwrap_or_default()
        }
        let hops = self.hops.iter().map(|hop| {
            let code = hop.fault.as_ref().map(|fault| fault.code);
            (place(hop.final_url.as_deref()), hop.kind, code)
        });
        let ads = self.ads.iter().map(|ad| (ad.path.as_slice(), ad.creative.ad_id.as_deref()));
        (self.outcome, self.vast_error, hops.collect(), ads.collect())
    }

    /// Whether everything went well: an ad plays, nothing failed on the way, and no rule reports
    /// an error at any hop.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let well = |hop: &HopV1| {
            hop.fault.is_none()
                && hop.ads_left_out == 0
                && hop.lint.as_ref().is_none_or(|lint| lint.count(Severity::Error) == 0)
        };
        self.outcome == "resolved" && self.hops.iter().all(well)
    }
}

impl HopV1 {
    fn new(hop: &Hop, start: &str, options: &Options) -> Self {
        // What is no VAST at all says so in its fault; an empty body has nothing to lint.
        let linted = (!hop.body.is_empty()).then(|| {
            let name = hop.final_url.as_deref().unwrap_or(start);
            DocumentV1::new(name, &hop.body, &lint(&hop.body, options))
        });
        Self {
            index: hop.index,
            parent: hop.parent,
            ad: hop.ad,
            url: text(hop.url.as_deref()),
            final_url: text(hop.final_url.as_deref()),
            http: hop.network.iter().map(ExchangeV1::from).collect(),
            content_type: text(hop.content_type.as_deref()),
            cors: hop.cors.as_ref().map(|cors| CorsV1 {
                allow_origin: text(cors.allow_origin.as_deref()),
                allow_credentials: text(cors.allow_credentials.as_deref()),
            }),
            sha256: hop.sha256.map(|digest| digest.to_string()),
            kind: hop.kind.as_str(),
            version: text(hop.version.as_deref()),
            ad_system: text(hop.ad_system.as_deref()),
            ads_left_out: hop.ads_left_out,
            lint: linted,
            fault: hop.fault.as_ref().map(FaultV1::from),
            expected_error: hop.expected_error.map(adproof_vast::chain::VastError::code),
        }
    }
}

impl From<&NetworkHop> for ExchangeV1 {
    fn from(hop: &NetworkHop) -> Self {
        Self {
            url: hop.url.to_string(),
            status: hop.status,
            remote_ip: hop.remote_ip.map(|ip| ip.to_string()),
            tls: text(hop.tls.as_deref()),
            ms: hop.ms,
            bytes: hop.bytes,
        }
    }
}

impl From<&Fault> for FaultV1 {
    fn from(fault: &Fault) -> Self {
        Self { code: fault.error.code(), refused: fault.refused, text: fault.text.to_string() }
    }
}

impl From<&ResolvedAd> for AdV1 {
    fn from(ad: &ResolvedAd) -> Self {
        Self {
            path: ad.path.clone(),
            sequence: ad.sequence,
            creative: CreativeV1::from(&ad.creative),
            trackers: ad.trackers.iter().map(TrackerV1::from).collect(),
        }
    }
}

impl From<&Tracker> for TrackerV1 {
    fn from(tracker: &Tracker) -> Self {
        Self {
            url: tracker.url.to_string(),
            event: tracker.event.to_string(),
            hop: tracker.hop,
            position: tracker.position,
        }
    }
}

impl From<&Creative> for CreativeV1 {
    fn from(creative: &Creative) -> Self {
        let ids = creative.universal_ad_ids.iter().map(|id| UniversalAdIdV1 {
            registry: id.registry.to_string(),
            value: id.value.to_string(),
        });
        let files = creative.media_files.iter().map(|file| MediaFileV1 {
            url: file.url.to_string(),
            mime: text(file.mime.as_deref()),
            delivery: text(file.delivery.as_deref()),
            width: file.width,
            height: file.height,
            bitrate_kbps: file.bitrate_kbps,
        });
        let vendors = creative.verification_vendors.iter();
        Self {
            ad_id: text(creative.ad_id.as_deref()),
            ad_system: text(creative.ad_system.as_deref()),
            title: text(creative.title.as_deref()),
            advertiser: text(creative.advertiser.as_deref()),
            ad_serving_id: text(creative.ad_serving_id.as_deref()),
            universal_ad_ids: ids.collect(),
            duration_ms: creative.duration_ms,
            skip_offset: text(creative.skip_offset.as_deref()),
            media_files: files.collect(),
            click_through: text(creative.click_through.as_deref()),
            companions: creative.companions,
            non_linears: creative.non_linears,
            verification_vendors: vendors.map(ToString::to_string).collect(),
        }
    }
}
