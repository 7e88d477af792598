//! What observers contradict each other about.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// What is compared of an event.
#[derive(Clone, Copy)]
enum Key<'e> {
    Text(&'e str),
    /// Letters of either case are the same.
    Folded(&'e str),
    Subnet(Prefix),
    V4(Ipv4Addr),
    Price(i64, &'e str),
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Folded(a), Self::Folded(b)) => a.eq_ignore_ascii_case(b),
            (Self::Subnet(a), Self::Subnet(b)) => a == b,
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::Price(a, a_in), Self::Price(b, b_in)) => (a, a_in) == (b, b_in),
            _ => false,
        }
    }
}

/// One subject: what of an event is compared, and how it is written down. Hardly any impression is
/// disputed, so nothing is written down before two keys differ.
struct Subject {
    about: &'static str,
    /// Equal where observers agree; none where the event says nothing about the subject.
    key: for<'e> fn(&'e Event) -> Option<Key<'e>>,
    /// The text for people, of an event that has a key.
    text: fn(&Event) -> Option<String>,
}

const SUBJECTS: [Subject; 8] = [
    Subject {
        about: "bundle",
        key: |event| event.bundle.as_deref().map(Key::Text),
        text: |event| event.bundle.as_deref().map(str::to_owned),
    },
    Subject {
        about: "creative",
        key: |event| match &event.detail {
            LegDetail::Creative { creative, .. } => Some(Key::Text(creative)),
            _ => None,
        },
        text: |event| match &event.detail {
            LegDetail::Creative { creative, .. } => Some(creative.to_string()),
            _ => None,
        },
    },
    Subject {
        about: "device",
        // Without letters, so it is the same in either case.
        key: |event| {
            event.device.as_deref().filter(|device| *device != UNKNOWN_DEVICE).map(Key::Folded)
        },
        text: |event| event.device.as_deref().map(str::to_ascii_lowercase),
    },
    Subject {
        about: "ip",
        key: |event| match event.ip?.to_canonical() {
            IpAddr::V6(address) => Some(Key::Subnet(subnet(address))),
            IpAddr::V4(_) => None,
        },
        text: |event| event.ip.map(|ip| ip.to_canonical().to_string()),
    },
    Subject {
        about: "ipv4",
        key: |event| match event.ip?.to_canonical() {
            IpAddr::V4(address) => Some(Key::V4(address)),
            IpAddr::V6(_) => None,
        },
        text: |event| event.ip.map(|ip| ip.to_canonical().to_string()),
    },
    Subject {
        about: "outcome",
        key: |event| match event.detail {
            LegDetail::Execution { outcome: Execution::Failed(_), .. } => Some(Key::Text("failed")),
            LegDetail::Execution { outcome: Execution::Completed, .. } => {
                Some(Key::Text("completed"))
            }
            // A start contradicts neither completion nor failure.
            _ => None,
        },
        text: |event| match event.detail {
            LegDetail::Execution { outcome: Execution::Failed(code), .. } => {
                Some(format!("failed {code}"))
            }
            _ => Some("completed".to_owned()),
        },
    },
    Subject {
        about: "price",
        key: |event| match &event.detail {
            LegDetail::Creative { price_micros: micros, currency, .. }
            | LegDetail::Billing { amount_micros: micros, currency } => {
                Some(Key::Price(*micros, currency))
            }
            _ => None,
        },
        text: |event| match &event.detail {
            LegDetail::Creative { price_micros: micros, currency, .. }
            | LegDetail::Billing { amount_micros: micros, currency } => {
                Some(format!("{micros} {currency}"))
            }
            _ => None,
        },
    },
    Subject {
        about: "tag",
        key: |event| match &event.detail {
            LegDetail::Vast { tag } => Some(Key::Text(tag)),
            _ => None,
        },
        text: |event| match &event.detail {
            LegDetail::Vast { tag } => Some(tag.to_string()),
            _ => None,
        },
    },
];

/// The disagreements among `events`, and one for each id that came with differing contents.
pub(crate) fn disagreements(events: &[Event], reused: &BTreeSet<Box<str>>) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for subject in &SUBJECTS {
        let mut keys = events.iter().filter_map(subject.key);
        let Some(first) = keys.next() else { continue };
        if keys.all(|key| key == first) {
            continue;
        }
        let speaking = events.iter().filter(|event| (subject.key)(event).is_some());
        let observations: BTreeSet<Observation> = speaking
            .filter_map(|event| Some(observation(event, event.leg(), (subject.text)(event)?)))
            .collect();
        found.push(Disagreement {
            about: subject.about.into(),
            observations: observations.into_iter().collect(),
        });
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
