use std::net::IpAddr;

use adproof_model::Digest;

use super::Macros;

/// Bounds of one resolution. Each has its own reason when it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wrappers on one path. VAST 4.3 §3.19.1: five must be accepted, the sixth may be refused.
    pub max_wrappers: u32,
    /// Documents in all, the first one included.
    pub max_documents: u32,
    /// Ads that are followed from one document.
    pub max_fan_out: u32,
    /// Bytes of one document.
    pub max_hop_bytes: u64,
    /// Bytes of all documents together.
    pub max_total_bytes: u64,
    /// Trackers that are listed, over all ads.
    pub max_trackers: u32,
    /// Milliseconds for the first document.
    pub first_hop_ms: u32,
    /// Milliseconds for each further document.
    pub hop_ms: u32,
    /// Milliseconds for all documents together.
    pub total_ms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_wrappers: 5,
            max_documents: 64,
            max_fan_out: 16,
            max_hop_bytes: 4 << 20,
            max_total_bytes: 32 << 20,
            max_trackers: 20_000,
            first_hop_ms: 8_000,
            hop_ms: 4_000,
            total_ms: 20_000,
        }
    }
}

/// How a chain is resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// What stands for macros in VASTAdTagURI.
    pub macros: Macros,
}

/// Where a chain starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At an address that has to be fetched.
    Url(Box<str>),
    /// At a document that is at hand.
    Document(Vec<u8>),
}

/// What the resolver waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A document. Answer with [`super::Resolver::supply`].
    Fetch(Fetch),
    /// Nothing: take the chain with [`super::Resolver::finish`].
    Done,
}

/// A document that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The index that this hop will have.
    pub hop: u32,
    /// The address, macros expanded.
    pub url: Box<str>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u32,
    /// How large it may be, in bytes.
    pub max_bytes: u64,
}

/// One HTTP exchange on the way to a document. Redirects are network hops, not wrappers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkHop {
    /// The address that was asked.
    pub url: Box<str>,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The address of the peer, if a connection was made.
    pub remote_ip: Option<IpAddr>,
    /// The version of TLS, such as `1.3`, if it was used.
    pub tls: Option<Box<str>>,
    /// From the name look-up to the last byte, in milliseconds.
    pub ms: u32,
    /// Bytes of the body on the wire.
    pub bytes: u64,
}

/// What a browser player would be told about reading the answer across origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// `Access-Control-Allow-Origin`.
    pub allow_origin: Option<Box<str>>,
    /// `Access-Control-Allow-Credentials`.
    pub allow_credentials: Option<Box<str>>,
}

/// The answer to a [`Fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The exchanges, in order. Empty for a document that came from a file.
    pub network: Vec<NetworkHop>,
    /// The address of the last exchange; the one that was asked for when there was none.
    pub final_url: Option<Box<str>>,
    /// `Content-Type` of the document.
    pub content_type: Option<Box<str>>,
    /// Headers for browser players, if any were sent.
    pub cors: Option<Cors>,
    /// The body, decompressed, or why there is none.
    pub body: Result<Vec<u8>, FetchFault>,
}

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchFault {
    /// It took longer than allowed.
    #[error("no answer within {0} ms")]
    Timeout(u32),
    /// The server answered with a status that carries no document.
    #[error("the server answered {0}")]
    Status(u16),
    /// No connection, or it broke.
    #[error("not reachable: {0}")]
    Unreachable(Box<str>),
    /// The guard does not go there.
    #[error("{0}")]
    Refused(Box<str>),
    /// The body is larger than allowed.
    #[error("more than {0} bytes")]
    TooBig(u64),
}

/// Error codes of VAST that a chain can end with (VAST 4.3 §2.3.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum VastError {
    /// 100.
    XmlParsing,
    /// 101.
    Schema,
    /// 102.
    Version,
    /// 300.
    Wrapper,
    /// 301.
    Timeout,
    /// 302.
    WrapperLimit,
    /// 303.
    NoAd,
}

impl VastError {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::XmlParsing => 100,
            Self::Schema => 101,
            Self::Version => 102,
            Self::Wrapper => 300,
            Self::Timeout => 301,
            Self::WrapperLimit => 302,
            Self::NoAd => 303,
        }
    }

    /// What the number says, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::XmlParsing => "XML parsing error",
            Self::Schema => "not the structure of VAST",
            Self::Version => "VAST version not supported",
            Self::Wrapper => "general wrapper error",
            Self::Timeout => "wrapper address timed out or failed",
            Self::WrapperLimit => "wrapper limit reached",
            Self::NoAd => "no ad after one or more wrappers",
        }
    }
}

/// What went wrong at a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code that a player would report.
    pub error: VastError,
    /// Whether we declined to go on, where a player might have: limits, loops, the guard.
    pub refused: bool,
    /// What happened, as a sentence without its full stop.
    pub text: Box<str>,
}

/// What a hop turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopKind {
    /// At least one ad that plays and none that leads on.
    Inline,
    /// At least one ad that leads on.
    Wrapper,
    /// A document without an ad.
    Empty,
    /// No document that could be used.
    Unread,
}

impl HopKind {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Wrapper => "wrapper",
            Self::Empty => "empty",
            Self::Unread => "unread",
        }
    }
}

/// One document of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its place in [`Chain::hops`].
    pub index: u32,
    /// The hop whose wrapper led here.
    pub parent: Option<u32>,
    /// Which Ad of the parent that was, counted from 1 in document order.
    pub ad: Option<u32>,
    /// The address that was asked for, macros expanded. None for a document that was at hand.
    pub url: Option<Box<str>>,
    /// Where the document came from in the end.
    pub final_url: Option<Box<str>>,
    /// The exchanges that brought it.
    pub network: Vec<NetworkHop>,
    /// `Content-Type`.
    pub content_type: Option<Box<str>>,
    /// Headers for browser players.
    pub cors: Option<Cors>,
    /// The digest of the document.
    pub sha256: Option<Digest>,
    /// The document. Empty when none came.
    pub body: Vec<u8>,
    /// What it holds.
    pub kind: HopKind,
    /// The version it declares.
    pub version: Option<Box<str>>,
    /// Who made it: the AdSystem of its first ad.
    pub ad_system: Option<Box<str>>,
    /// Ads of the document that were not followed because of [`Limits::max_fan_out`].
    pub ads_left_out: u32,
    /// What went wrong here.
    pub fault: Option<Fault>,
    /// The code that the Error trackers of this hop would receive. They are never called.
    pub expected_error: Option<VastError>,
}

/// A tracker that a player would request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracker {
    /// The address, macros untouched.
    pub url: Box<str>,
    /// What it counts: `impression`, `error`, `clickTracking`, `start`, ….
    pub event: Box<str>,
    /// The hop that it comes from.
    pub hop: u32,
    /// Its place among the trackers of its ad in that hop, counted from 1.
    pub position: u32,
}

/// An id of a creative in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniversalAdId {
    /// `idRegistry`.
    pub registry: Box<str>,
    /// The value.
    pub value: Box<str>,
}

/// A rendition of the video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFile {
    /// The address.
    pub url: Box<str>,
    /// The MIME type as written.
    pub mime: Option<Box<str>>,
    /// `progressive` or `streaming` as written.
    pub delivery: Option<Box<str>>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Kilobits per second.
    pub bitrate_kbps: Option<u32>,
}

/// What would play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creative {
    /// The id of the Ad element.
    pub ad_id: Option<Box<str>>,
    /// AdSystem.
    pub ad_system: Option<Box<str>>,
    /// AdTitle.
    pub title: Option<Box<str>>,
    /// Advertiser.
    pub advertiser: Option<Box<str>>,
    /// AdServingId.
    pub ad_serving_id: Option<Box<str>>,
    /// UniversalAdId of all creatives.
    pub universal_ad_ids: Vec<UniversalAdId>,
    /// The duration of the first Linear, in milliseconds.
    pub duration_ms: Option<u32>,
    /// `skipoffset` as written.
    pub skip_offset: Option<Box<str>>,
    /// The renditions.
    pub media_files: Vec<MediaFile>,
    /// Where a click leads: of the hop nearest to the player's ad that has one.
    pub click_through: Option<Box<str>>,
    /// Companions.
    pub companions: u32,
    /// Non-linear ads.
    pub non_linears: u32,
    /// `vendor` of each Verification, of every hop.
    pub verification_vendors: Vec<Box<str>>,
}

/// An ad that the chain leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedAd {
    /// The hops from the first to the one that holds the ad.
    pub path: Vec<u32>,
    /// Its place in the pod of the document that holds it.
    pub sequence: Option<u32>,
    /// What would play.
    pub creative: Creative,
    /// What would be requested, from every hop of the path.
    pub trackers: Vec<Tracker>,
}

/// How a resolution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainOutcome {
    /// At least one ad plays.
    Resolved,
    /// The chain ends in a document without an ad.
    NoAd,
    /// The chain could not be followed.
    Error,
    /// The chain could have been followed and was not: a limit, a loop, the guard.
    Refused,
}

impl ChainOutcome {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::NoAd => "no_ad",
            Self::Error => "error",
            Self::Refused => "refused",
        }
    }
}

/// A resolved chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How it ended.
    pub outcome: ChainOutcome,
    /// The code that a player would report when nothing plays.
    pub vast_error: Option<VastError>,
    /// The documents, in the order in which they were needed.
    pub hops: Vec<Hop>,
    /// What plays, in order.
    pub ads: Vec<ResolvedAd>,
    /// Trackers that were not listed because of [`Limits::max_trackers`].
    pub trackers_left_out: u64,
}

impl Chain {
    /// The first thing that went wrong, with the hop where it did.
    #[must_use]
    pub fn first_fault(&self) -> Option<(&Hop, &Fault)> {
        self.hops.iter().find_map(|hop| hop.fault.as_ref().map(|fault| (hop, fault)))
    }
}
