//! What observers contradict each other about.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use adproof_model::{Disagreement, Event, Execution, Leg, LegDetail, Observation, Prefix};

/// The advertising id of a device that gives none. It equals no other.
pub const UNKNOWN_DEVICE: &str = "00000000-0000-0000-0000-000000000000";

/// Whether two addresses can be one subscriber's: equal IPv4 addresses, or one /64.
///
/// Addresses of different families never contradict each other: a device has both. Within a /64
/// a household moves on its own (RFC 8981).
#[must_use]
pub fn same_subnet(a: IpAddr, b: IpAddr) -> bool {
    match (a.to_canonical(), b.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a == b,
        (IpAddr::V6(a), IpAddr::V6(b)) => subnet(a) == subnet(b),
        _ => true,
    }
}

fn subnet(address: Ipv6Addr) -> Prefix {
    Prefix::containing(address.to_bits(), 64)
}

/// One subject: what of an event is compared, and how it is written down.
struct Subject {
    about: &'static str,
    /// The compared value, equal where observers agree, and the text for people.
    read: fn(&Event) -> Option<(String, String)>,
}

const SUBJECTS: [Subject; 8] = [
    Subject { about: "bundle", read: |event| same(event.bundle.as_deref()?) },
    Subject {
        about: "creative",
        read: |event| match &event.detail {
            LegDetail::Creative { creative, .. } => same(creative),
            _ => None,
        },
    },
    Subject {
        about: "device",
        read: |event| {
            let device = event.device.as_deref()?.to_ascii_lowercase();
            (device != UNKNOWN_DEVICE).then(|| (device.clone(), device))
        },
    },
    Subject {
        about: "ip",
        read: |event| match event.ip?.to_canonical() {
            IpAddr::V6(address) => Some((subnet(address).to_string(), address.to_string())),
            IpAddr::V4(_) => None,
        },
    },
    Subject {
        about: "ipv4",
        read: |event| match event.ip?.to_canonical() {
            IpAddr::V4(address) => same(&address.to_string()),
            IpAddr::V6(_) => None,
        },
    },
    Subject {
        about: "outcome",
        read: |event| match event.detail {
            LegDetail::Execution { outcome: Execution::Failed(code), .. } => {
                Some(("failed".to_owned(), format!("failed {code}")))
            }
            LegDetail::Execution { outcome: Execution::Completed, .. } => same("completed"),
            // A start contradicts neither completion nor failure.
            _ => None,
        },
    },
    Subject {
        about: "price",
        read: |event| match &event.detail {
            LegDetail::Creative { price_micros: micros, currency, .. }
            | LegDetail::Billing { amount_micros: micros, currency } => {
                same(&format!("{micros} {currency}"))
            }
            _ => None,
        },
    },
    Subject {
        about: "tag",
        read: |event| match &event.detail {
            LegDetail::Vast { tag } => same(tag),
            _ => None,
        },
    },
];

#[allow(clippy::unnecessary_wraps, reason = "the shape that every subject's reader has")]
fn same(text: &str) -> Option<(String, String)> {
    Some((text.to_owned(), text.to_owned()))
}

/// The disagreements among `events`, and one for each id that came with differing contents.
pub(crate) fn disagreements(events: &[Event], reused: &BTreeSet<Box<str>>) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for subject in &SUBJECTS {
        let mut values = BTreeSet::new();
        let mut observations = BTreeSet::new();
        for event in events {
            if let Some((value, text)) = (subject.read)(event) {
                values.insert(value);
                observations.insert(observation(event, event.leg(), text));
            }
        }
        if values.len() > 1 {
            found.push(Disagreement {
                about: subject.about.into(),
                observations: observations.into_iter().collect(),
            });
        }
    }
    for id in reused {
        let of_id = events.iter().filter(|event| event.id == *id);
        found.push(Disagreement {
            about: "event_id".into(),
            observations: of_id
                .map(|event| observation(event, event.leg(), id.to_string()))
                .collect(),
        });
    }
    found.sort_unstable();
    found
}

fn observation(event: &Event, leg: Leg, value: String) -> Observation {
    Observation { observer: event.observer.clone(), leg, value: value.into() }
}
