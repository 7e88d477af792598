//! From the events of a log to exposures: one an impression.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use adproof_model::{Event, Execution, Leg, LegDetail};

use crate::exposure::Exposure;
use crate::tally::{Tally, device_key};

/// The events of a log, reduced to one observation an impression.
///
/// Events of the same transaction and impression id are one impression; an event without an
/// impression id is an observation of its own. What several events say is settled by an order of
/// the events themselves, never by the order in which they come, and a repeated event changes
/// nothing. So a log may be read in any order, and be split by impression over many machines.
///
/// - The address is the one that the network leg saw, else the request, the player, and the other
///   legs in their order. An impression without an IPv6 address is not exposed.
/// - The device is chosen in the same way; the autonomous system comes from the network leg.
/// - The day is that of the impression's earliest event.
/// - It counts as an impression once something was played or billed; before, it is a request.
/// - The revenue is what was billed first. A bill that another observer sent, or that was sent
///   twice, is not added to it.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    impressions: BTreeMap<Key, Sighting>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Impression { transaction: Option<Box<str>>, impression: Box<str> },
    Event(Box<str>),
}

/// When and by whom something was seen: the order in which events are believed.
type Rank = (u8, i64, Box<str>);

#[derive(Clone, Debug)]
struct Sighting {
    first_us: i64,
    delivered: bool,
    address: Option<(Rank, u128)>,
    device: Option<(Rank, u128)>,
    asn: Option<(Rank, u32)>,
    bill: Option<(Rank, i64)>,
}

impl Sightings {
    /// Adds one event.
    pub fn add(&mut self, event: &Event) {
        let key = match &event.impression {
            Some(impression) => Key::Impression {
                transaction: event.transaction.clone(),
                impression: impression.clone(),
            },
            None => Key::Event(event.id.clone()),
        };
        let sighting = self.impressions.entry(key).or_insert_with(|| Sighting {
            first_us: i64::MAX,
            delivered: false,
            address: None,
            device: None,
            asn: None,
            bill: None,
        });
        sighting.add(event);
    }

    /// Both in one: an impression may have been seen in part by each.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (key, seen) in other.impressions {
            match self.impressions.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(seen);
                }
                Entry::Occupied(mut entry) => entry.get_mut().merge(seen),
            }
        }
        self
    }

    /// Adds the impressions to a tally and forgets them. All events of an impression must have
    /// been added before.
    pub fn expose(self, tally: &mut Tally) {
        for exposure in self.impressions.into_values().filter_map(Sighting::exposure) {
            tally.expose(exposure);
        }
    }
}

impl<'a> Extend<&'a Event> for Sightings {
    fn extend<T: IntoIterator<Item = &'a Event>>(&mut self, events: T) {
        events.into_iter().for_each(|event| self.add(event));
    }
}

impl Sighting {
    fn add(&mut self, event: &Event) {
        let rank = |trust: u8| (trust, event.received.micros(), event.id.clone());
        let trust = match event.leg() {
            Leg::Network => 0,
            Leg::Request => 1,
            Leg::Execution => 2,
            Leg::Creative => 3,
            Leg::Vast => 4,
            Leg::Billing => 5,
        };
        self.first_us = self.first_us.min(event.time.micros());
        if let Some(std::net::IpAddr::V6(address)) = event.ip {
            believe(&mut self.address, rank(trust), address.to_bits());
        }
        if let Some(device) = &event.device {
            believe(&mut self.device, rank(trust), device_key(device));
        }
        match &event.detail {
            LegDetail::Network { asn: Some(asn), .. } => {
                believe(&mut self.asn, rank(trust), *asn);
            }
            LegDetail::Billing { amount_micros, .. } => {
                believe(&mut self.bill, rank(trust), *amount_micros);
                self.delivered = true;
            }
            LegDetail::Execution { outcome: Execution::Started | Execution::Completed, .. } => {
                self.delivered = true;
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: Self) {
        self.first_us = self.first_us.min(other.first_us);
        self.delivered |= other.delivered;
        settle(&mut self.address, other.address);
        settle(&mut self.device, other.device);
        settle(&mut self.asn, other.asn);
        settle(&mut self.bill, other.bill);
    }

    fn exposure(self) -> Option<Exposure> {
        let (_, address) = self.address?;
        Some(Exposure {
            address,
            asn: self.asn.map(|(_, asn)| asn),
            device: self.device.map_or(0, |(_, device)| device),
            day: self.first_us.div_euclid(86_400_000_000),
            impressions: u32::from(self.delivered),
            revenue_micros: self.bill.map_or(0, |(_, micros)| micros),
            flagged: false,
        })
    }
}

/// Keeps the value of the lower rank. Two values of one rank are one event sent twice with other
/// content: the lower value, so that their order does not matter.
fn believe<T: Ord>(kept: &mut Option<(Rank, T)>, rank: Rank, value: T) {
    settle(kept, Some((rank, value)));
}

fn settle<T: Ord>(kept: &mut Option<(Rank, T)>, seen: Option<(Rank, T)>) {
    if let Some(seen) = seen
        && kept.as_ref().is_none_or(|kept| seen < *kept)
    {
        *kept = Some(seen);
    }
}

#[cfg(test)]
mod tests {
    use adproof_model::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn event(id: &str, detail: LegDetail, ip: &str, received: i64) -> Event {
        Event {
            received: Timestamp::from_micros(received),
            id: id.into(),
            time: Timestamp::from_micros(received - 5),
            observer: "ads.example".into(),
            transaction: Some("t".into()),
            impression: Some("1".into()),
            ip: ip.parse().ok(),
            user_agent: None,
            device: None,
            bundle: None,
            detail,
        }
    }

    fn bytes(events: &[Event]) -> Vec<u8> {
        let mut sightings = Sightings::default();
        sightings.extend(events);
        let mut tally = Tally::empty();
        sightings.expose(&mut tally);
        tally.to_bytes()
    }

    fn impression() -> Vec<Event> {
        let bill = |amount_micros| LegDetail::Billing { amount_micros, currency: "USD".into() };
        vec![
            event("a", LegDetail::Request { ssai: 0 }, "3fff:12::1", 10),
            event(
                "b",
                LegDetail::Network { asn: Some(64500), shared_egress: false },
                "3fff:12::2",
                30,
            ),
            event(
                "c",
                LegDetail::Network { asn: Some(64501), shared_egress: false },
                "3fff:12::3",
                20,
            ),
            event("d", bill(700), "3fff:ff::1", 40),
            event("e", bill(900), "3fff:ff::2", 50),
        ]
    }

    #[test]
    fn the_network_leg_that_came_first_and_the_first_bill_count() {
        let mut expected = Tally::empty();
        expected.expose(Exposure {
            address: "3fff:12::3".parse::<std::net::Ipv6Addr>().unwrap().to_bits(),
            asn: Some(64501),
            device: 0,
            day: 0,
            impressions: 1,
            revenue_micros: 700,
            flagged: false,
        });
        assert_eq!(bytes(&impression()), expected.to_bytes());
    }

    #[test]
    fn what_was_neither_played_nor_billed_is_a_request() {
        let mut tally = Tally::empty();
        let mut sightings = Sightings::default();
        sightings.extend(&impression()[..3]);
        sightings.expose(&mut tally);
        let census = tally.census(adproof_model::Level::P128);
        assert_eq!(census.iter().map(|row| row.totals.impressions).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn without_an_ipv6_address_nothing_is_exposed() {
        let request = || LegDetail::Request { ssai: 0 };
        let events = [event("a", request(), "192.0.2.1", 1), event("b", request(), "", 2)];
        assert_eq!(bytes(&events), Tally::empty().to_bytes());
    }

    proptest! {
        #[test]
        fn order_and_repeats_change_nothing(
            order in Just((0..5).collect::<Vec<usize>>()).prop_shuffle(),
            again in prop::collection::vec(0_usize..5, 0..4),
        ) {
            let events = impression();
            let told: Vec<Event> =
                order.iter().chain(&again).map(|index| events[*index].clone()).collect();
            prop_assert_eq!(bytes(&told), bytes(&events));
        }

        #[test]
        fn split_anywhere_and_merged_it_is_the_same(at in 0_usize..6, swap: bool) {
            let events = impression();
            let (left, right) = events.split_at(at.min(events.len()));
            let parts = [left, right].map(|part| {
                let mut sightings = Sightings::default();
                sightings.extend(part);
                sightings
            });
            let [left, right] = parts;
            let merged = if swap { right.merge(left) } else { left.merge(right) };
            let mut tally = Tally::empty();
            merged.expose(&mut tally);
            prop_assert_eq!(tally.to_bytes(), bytes(&events));
        }
    }
}
