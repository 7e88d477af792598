use std::fmt;
use std::net::IpAddr;

use crate::Timestamp;

/// One of the six evidence legs of an impression, in the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// What was requested: OpenRTB request context.
    Request,
    /// Who asked, as the network saw it.
    Network,
    /// The creative that won.
    Creative,
    /// The final VAST, or the stitched instruction.
    Vast,
    /// What the player reported.
    Execution,
    /// What was billed.
    Billing,
}

impl Leg {
    /// All legs, in order.
    pub const ALL: [Self; 6] =
        [Self::Request, Self::Network, Self::Creative, Self::Vast, Self::Execution, Self::Billing];

    /// The name used in logs and outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Network => "network",
            Self::Creative => "creative",
            Self::Vast => "vast",
            Self::Execution => "execution",
            Self::Billing => "billing",
        }
    }

    /// The leg's place in [`Leg::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One observation of one leg by one observer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// When the log received it. Lateness is a property of the event, never of a run.
    pub received: Timestamp,
    /// Unique in the log; a second event with the same id is a duplicate.
    pub id: Box<str>,
    /// When it happened by the observer's clock.
    pub time: Timestamp,
    /// Who saw it: a domain or a system name.
    pub observer: Box<str>,
    /// The transaction id (OpenRTB `source.tid`), where known.
    pub transaction: Option<Box<str>>,
    /// The impression id within the transaction, where known.
    pub impression: Option<Box<str>>,
    /// The address that this observer saw.
    pub ip: Option<IpAddr>,
    /// The user agent that this observer saw.
    pub user_agent: Option<Box<str>>,
    /// The advertising id (`ifa`), where known.
    pub device: Option<Box<str>>,
    /// The app bundle or the site.
    pub bundle: Option<Box<str>>,
    /// What the leg itself says.
    pub detail: LegDetail,
}

/// What the legs say. Money is in micro-units of the currency, time in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegDetail {
    /// Request context.
    Request {
        /// OpenRTB `imp.ssai`: 0 unknown, 1 client, 2 stitched with client pixels, 3 all server.
        ssai: u8,
    },
    /// Network context.
    Network {
        /// The autonomous system the observer resolved.
        asn: Option<u32>,
        /// Whether the observer knows the address as egress of a relay, NAT64 or public proxy.
        shared_egress: bool,
    },
    /// The winning creative.
    Creative {
        /// The creative's id.
        creative: Box<str>,
        /// The clearing price in micro-units for one impression.
        price_micros: i64,
        /// ISO 4217.
        currency: Box<str>,
    },
    /// The final VAST document.
    Vast {
        /// The tag's name in the tag store: a file name or a digest.
        tag: Box<str>,
    },
    /// What the player reported.
    Execution {
        /// How far it came.
        outcome: Execution,
        /// Milliseconds played.
        played_ms: u32,
    },
    /// What was billed.
    Billing {
        /// The amount in micro-units.
        amount_micros: i64,
        /// ISO 4217.
        currency: Box<str>,
    },
    /// The observer says that it will not or may not tell. The leg is refused or redacted.
    Withheld {
        /// The leg that is withheld.
        leg: Leg,
        /// True when it exists and was redacted; false when it was refused.
        redacted: bool,
    },
}

/// How far playback came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Execution {
    /// The player reported a start and nothing more.
    Started,
    /// The player reported completion.
    Completed,
    /// The player reported a VAST error code.
    Failed(u16),
}

impl Event {
    /// The leg that this event is evidence for.
    #[must_use]
    pub const fn leg(&self) -> Leg {
        match self.detail {
            LegDetail::Request { .. } => Leg::Request,
            LegDetail::Network { .. } => Leg::Network,
            LegDetail::Creative { .. } => Leg::Creative,
            LegDetail::Vast { .. } => Leg::Vast,
            LegDetail::Execution { .. } => Leg::Execution,
            LegDetail::Billing { .. } => Leg::Billing,
            LegDetail::Withheld { leg, .. } => leg,
        }
    }
}
