//! From the events of the operator's own log to exposures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use adproof_model::{Event, Leg, LegDetail};

use crate::exposure::Exposure;
use crate::tally::{Tally, device_key};

/// What the events of one impression say together.
#[derive(Default)]
struct Impression<'a> {
    /// By leg, so that the network leg's address wins.
    addresses: BTreeMap<(bool, Leg), u128>,
    asn: Option<u32>,
    device: Option<&'a str>,
    day: Option<i64>,
    billed: Option<i64>,
    /// Whether anything but a request was seen.
    served: bool,
}

impl Tally {
    /// Adds an event log. The events of one transaction and impression are one exposure: at the
    /// address that the network leg saw (or, without one, the first leg that saw any), on the day
    /// of the earliest event, with the amounts of its billing events. A request that nothing
    /// followed is an exposure without an impression. An id that was there already is a duplicate
    /// and counts once; events without an address of their own impression are left out.
    ///
    /// Amounts count in the currency that most billing events have. An exposure is flagged when a
    /// feed lists its very address as anything but a crawler that declares itself, so feeds are
    /// marked before the log is added.
    pub fn expose_events(&mut self, events: &[Event]) {
        let listed = self.listed_addresses();
        let currency = main_currency(events);
        for exposure in exposures(events, currency, |address| listed.contains(&address)) {
            self.expose(exposure);
        }
    }
}

fn main_currency(events: &[Event]) -> Option<&str> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events {
        if let LegDetail::Billing { currency, .. } = &event.detail {
            *counts.entry(currency).or_default() += 1;
        }
    }
    let most = counts.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(**name)));
    most.map(|(name, _)| *name)
}

fn exposures(
    events: &[Event],
    currency: Option<&str>,
    flagged: impl Fn(u128) -> bool,
) -> Vec<Exposure> {
    let mut ids = BTreeSet::new();
    let mut impressions: BTreeMap<(&str, &str), Impression<'_>> = BTreeMap::new();
    for event in events {
        if !ids.insert(&*event.id) {
            continue;
        }
        // An event that names neither stands alone under its own id.
        let key = match (event.transaction.as_deref(), event.impression.as_deref()) {
            (None, None) => ("", &*event.id),
            (transaction, impression) => {
                (transaction.unwrap_or_default(), impression.unwrap_or_default())
            }
        };
        let known = impressions.entry(key).or_default();
        let leg = event.leg();
        if let Some(address) = event.ip {
            let bits = match address {
                IpAddr::V6(v6) => v6.to_bits(),
                IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            };
            // Of several observers of a leg the smallest address is kept, whatever the order of
            // the log.
            let slot = known.addresses.entry((leg != Leg::Network, leg)).or_insert(bits);
            *slot = bits.min(*slot);
        }
        if let Some(device) = event.device.as_deref() {
            known.device = Some(known.device.map_or(device, |seen| seen.min(device)));
        }
        let day = event.time.day();
        known.day = Some(known.day.map_or(day, |seen| seen.min(day)));
        known.served |= leg != Leg::Request;
        match &event.detail {
            LegDetail::Network { asn: Some(asn), .. } => {
                known.asn = Some(known.asn.map_or(*asn, |seen| seen.min(*asn)));
            }
            LegDetail::Billing { amount_micros, currency: paid } if Some(&**paid) == currency => {
                // Two observers that bill the same impression are one bill; the higher is kept.
                known.billed = known.billed.max(Some(*amount_micros));
            }
            _ => {}
        }
    }
    let exposure = |known: Impression<'_>| {
        let address = *known.addresses.values().next()?;
        Some(Exposure {
            address,
            asn: known.asn,
            device: known.device.map_or(0, device_key),
            day: known.day?,
            impressions: u32::from(known.served),
            revenue_micros: known.billed.unwrap_or(0),
            flagged: flagged(address),
        })
    };
    impressions.into_values().filter_map(exposure).collect()
}
