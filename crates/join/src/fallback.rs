//! Joining events that carry no ids.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use adproof_model::{Event, JoinKey, Prefix, Timestamp};

use crate::disagree::UNKNOWN_DEVICE;
use crate::evidence::Evidence;
use crate::window::Reason;

/// The impressions of a day by the keys that events without ids share with them.
pub(crate) struct Index {
    by_device: BTreeMap<(String, String), BTreeSet<(Timestamp, usize)>>,
    by_subnet: BTreeMap<(Prefix, String), BTreeSet<(Timestamp, usize)>>,
}

impl Index {
    /// From what had been received up to `decided`.
    pub(crate) fn new<'a>(
        decided: Timestamp,
        impressions: impl Iterator<Item = (Timestamp, &'a Evidence)>,
    ) -> Self {
        let mut index = Self { by_device: BTreeMap::new(), by_subnet: BTreeMap::new() };
        for (at, (anchor, evidence)) in impressions.enumerate() {
            for event in evidence.iter().filter(|event| event.received <= decided) {
                if let Some(key) = device(event) {
                    index.by_device.entry(key).or_default().insert((anchor, at));
                }
                if let Some(key) = subnet(event) {
                    index.by_subnet.entry(key).or_default().insert((anchor, at));
                }
            }
        }
        index
    }

    /// The one impression that shares a key with the event within `match_us` of its anchor.
    pub(crate) fn find(&self, event: &Event, match_us: i64) -> Result<(usize, JoinKey), Reason> {
        let near = |anchors: &BTreeSet<(Timestamp, usize)>| {
            let from = (event.time.plus_micros(match_us.saturating_neg()), 0);
            let to = (event.time.plus_micros(match_us), usize::MAX);
            let mut found = anchors.range(from..=to).map(|(_, at)| *at);
            match (found.next(), found.next()) {
                (Some(at), None) => Some(Ok(at)),
                (Some(_), Some(_)) => Some(Err(Reason::Ambiguous)),
                (None, _) => None,
            }
        };
        let by_device = device(event).and_then(|key| near(self.by_device.get(&key)?));
        if let Some(found) = by_device {
            return found.map(|at| (at, JoinKey::DeviceBundleTime));
        }
        let by_subnet = subnet(event).and_then(|key| near(self.by_subnet.get(&key)?));
        by_subnet.unwrap_or(Err(Reason::NoImpression)).map(|at| (at, JoinKey::SubnetAgentTime))
    }
}

fn device(event: &Event) -> Option<(String, String)> {
    let device = event.device.as_deref()?.to_ascii_lowercase();
    let bundle = event.bundle.as_deref()?.to_owned();
    (device != UNKNOWN_DEVICE).then_some((device, bundle))
}

fn subnet(event: &Event) -> Option<(Prefix, String)> {
    let IpAddr::V6(address) = event.ip?.to_canonical() else {
        return None;
    };
    let agent = event.user_agent.as_deref()?.to_owned();
    Some((Prefix::containing(address.to_bits(), 64), agent))
}
