//! From the events of the operator's own log to exposures: one an impression.

use std::borrow::Borrow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use adproof_model::{
    BinaryError, BinaryReader, BinaryWriter, Event, ImpressionKey, Leg, LegDetail,
};

use crate::exposure::Exposure;
use crate::tally::{Tally, device_key};

/// The events of a log, reduced to one observation an impression.
///
/// The events of one transaction and impression are one exposure: at the address that the network
/// leg saw (or, without one, the first leg that saw any), on the day of the earliest event, with
/// the amount of its billing events. A request that nothing followed is an exposure without an
/// impression; an event that names neither transaction nor impression stands alone; what has no
/// address is left out. Where observers of a leg disagree, the smallest address, network and
/// device are kept, and of several bills the highest: two observers that bill the same impression
/// are one bill. Amounts count in the currency that most billing events of the log have.
///
/// A commutative monoid like [`Tally`]: neither the order of the events nor how the log was split
/// changes the result, and a repeated event changes nothing but the count of its currency.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// By transaction and impression; or by the event's id, where it names neither. In no order:
    /// whatever is written down is sorted first.
    impressions: HashMap<ImpressionKey, Sighting>,
    /// Billing events by currency.
    currencies: BTreeMap<Box<str>, u64>,
    /// The bytes of the key that is looked for.
    key: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Sighting {
    /// After a mark that is false at the network leg, so that its address comes first.
    address: Option<(bool, Leg, u128)>,
    asn: Option<u32>,
    device: Option<Box<str>>,
    day: Option<i64>,
    /// The highest bill in each currency. There is hardly ever more than one.
    bills: Vec<(Box<str>, i64)>,
    /// Whether anything but a request was seen.
    served: bool,
}

impl Sightings {
    /// Adds one event.
    pub fn add(&mut self, event: &Event) {
        let (transaction, impression) = match (&event.transaction, &event.impression) {
            (None, None) => ("", &*event.id),
            (transaction, impression) => (
                transaction.as_deref().unwrap_or_default(),
                impression.as_deref().unwrap_or_default(),
            ),
        };
        if let LegDetail::Billing { currency, .. } = &event.detail {
            match self.currencies.get_mut(currency) {
                Some(count) => *count += 1,
                None => drop(self.currencies.insert(currency.clone(), 1)),
            }
        }
        ImpressionKey::write(&mut self.key, transaction, impression);
        if let Some(seen) = self.impressions.get_mut(&*self.key) {
            seen.add(event);
        } else {
            let mut seen = Sighting::default();
            seen.add(event);
            self.impressions.insert(ImpressionKey::from_written(&self.key), seen);
        }
    }

    /// Both in one: an impression may have been seen in part by each.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        #[allow(clippy::iter_over_hash_type, reason = "in any order they come to the same")]
        for (key, seen) in other.impressions {
            match self.impressions.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(seen);
                }
                Entry::Occupied(mut entry) => entry.get_mut().merge(seen),
            }
        }
        for (currency, count) in other.currencies {
            *self.currencies.entry(currency).or_default() += count;
        }
        self
    }

    /// Impressions and single events that were seen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.impressions.len()
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.impressions.is_empty()
    }

    /// Writes everything that was seen: equal bytes for equal states.
    pub fn write(&self, writer: &mut BinaryWriter) {
        writer.count(self.impressions.len());
        let mut sorted: Vec<_> = self.impressions.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        for (key, seen) in sorted {
            let (transaction, impression) = key.names();
            writer.text(transaction);
            writer.text(impression);
            seen.write(writer);
        }
        writer.count(self.currencies.len());
        for (currency, count) in &self.currencies {
            writer.text(currency);
            writer.u64(*count);
        }
    }

    /// Reads what [`Sightings::write`] wrote.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(reader: &mut BinaryReader<'_>) -> Result<Self, BinaryError> {
        let mut sightings = Self::default();
        for _ in 0..reader.count()? {
            let key = ImpressionKey::new(&reader.text()?, &reader.text()?);
            sightings.impressions.insert(key, Sighting::read(reader)?);
        }
        for _ in 0..reader.count()? {
            sightings.currencies.insert(reader.text()?, reader.u64()?);
        }
        Ok(sightings)
    }

    fn exposures(&self, flagged: impl Fn(u128) -> bool) -> impl Iterator<Item = Exposure> {
        let counts = self.currencies.iter();
        let most = counts.max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)));
        let currency = most.map(|(name, _)| name);
        self.impressions.values().filter_map(move |seen| {
            let (_, _, address) = seen.address?;
            let mut bills = seen.bills.iter();
            let bill = bills.find(|(name, _)| Some(name) == currency);
            Some(Exposure {
                address,
                asn: seen.asn,
                device: seen.device.as_deref().map_or(0, device_key),
                day: seen.day?,
                impressions: u32::from(seen.served),
                revenue_micros: bill.map_or(0, |(_, micros)| *micros),
                flagged: flagged(address),
            })
        })
    }
}

impl<'a> Extend<&'a Event> for Sightings {
    fn extend<T: IntoIterator<Item = &'a Event>>(&mut self, events: T) {
        events.into_iter().for_each(|event| self.add(event));
    }
}

impl Sighting {
    fn write(&self, writer: &mut BinaryWriter) {
        writer.optional(self.address, |writer, (elsewhere, leg, bits)| {
            writer.flag(elsewhere);
            writer.u8(u8::try_from(leg.index()).unwrap_or(u8::MAX));
            writer.u128(bits);
        });
        writer.optional(self.asn, BinaryWriter::u32);
        writer.optional(self.device.as_deref(), BinaryWriter::text);
        writer.optional(self.day, BinaryWriter::i64);
        // In one order, whichever bill came first.
        let mut bills: Vec<_> = self.bills.iter().collect();
        bills.sort_unstable();
        writer.count(bills.len());
        for (currency, micros) in bills {
            writer.text(currency);
            writer.i64(*micros);
        }
        writer.flag(self.served);
    }

    fn read(reader: &mut BinaryReader<'_>) -> Result<Self, BinaryError> {
        let address = reader.optional(|reader| {
            let elsewhere = reader.flag()?;
            let leg = Leg::ALL.get(usize::from(reader.u8()?)).copied();
            Ok((elsewhere, leg.ok_or(BinaryError::Invalid("leg"))?, reader.u128()?))
        })?;
        let asn = reader.optional(BinaryReader::u32)?;
        let device = reader.optional(BinaryReader::text)?;
        let day = reader.optional(BinaryReader::i64)?;
        let mut bills = Vec::new();
        for _ in 0..reader.count()? {
            bills.push((reader.text()?, reader.i64()?));
        }
        Ok(Self { address, asn, device, day, bills, served: reader.flag()? })
    }

    fn add(&mut self, event: &Event) {
        let leg = event.leg();
        if let Some(address) = event.ip {
            let bits = match address {
                IpAddr::V6(v6) => v6.to_bits(),
                IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            };
            keep_least(&mut self.address, Some((leg != Leg::Network, leg, bits)));
        }
        if let Some(device) = &event.device
            && self.device.as_ref().is_none_or(|kept| device < kept)
        {
            self.device = Some(device.clone());
        }
        keep_least(&mut self.day, Some(event.time.day()));
        self.served |= leg != Leg::Request;
        match &event.detail {
            LegDetail::Network { asn, .. } => keep_least(&mut self.asn, *asn),
            LegDetail::Billing { amount_micros, currency } => {
                self.bill(currency, *amount_micros);
            }
            _ => {}
        }
    }

    fn bill(&mut self, currency: &str, micros: i64) {
        match self.bills.iter_mut().find(|(name, _)| **name == *currency) {
            Some((_, kept)) => *kept = micros.max(*kept),
            None => self.bills.push((currency.into(), micros)),
        }
    }

    fn merge(&mut self, other: Self) {
        keep_least(&mut self.address, other.address);
        keep_least(&mut self.asn, other.asn);
        keep_least(&mut self.device, other.device);
        keep_least(&mut self.day, other.day);
        self.served |= other.served;
        for (currency, micros) in other.bills {
            self.bill(&currency, micros);
        }
    }
}

fn keep_least<T: Ord>(kept: &mut Option<T>, seen: Option<T>) {
    if seen.is_some() && (kept.is_none() || seen < *kept) {
        *kept = seen;
    }
}

impl Tally {
    /// Adds an event log; see [`Sightings`] for what its events come to.
    pub fn expose_events(&mut self, events: &[Event]) {
        let mut sightings = Sightings::default();
        sightings.extend(events);
        self.expose_sightings(sightings);
    }

    /// Adds the impressions of a log of which all events were seen. An exposure is flagged when a
    /// feed lists its very address as anything but a crawler that declares itself, so feeds are
    /// marked before the log is added.
    pub fn expose_sightings(&mut self, sightings: impl Borrow<Sightings>) {
        let listed = self.listed_addresses();
        for exposure in sightings.borrow().exposures(|address| listed.contains(&address)) {
            self.expose(exposure);
        }
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
            device: Some(format!("device of {id}").into()),
            bundle: None,
            detail,
        }
    }

    fn bytes(sightings: Sightings) -> Vec<u8> {
        let mut tally = Tally::empty();
        tally.expose_sightings(sightings);
        tally.to_bytes()
    }

    fn seen(events: &[Event]) -> Sightings {
        let mut sightings = Sightings::default();
        sightings.extend(events);
        sightings
    }

    fn request() -> LegDetail {
        LegDetail::Request { ssai: 0 }
    }

    fn impression() -> Vec<Event> {
        let bill = |amount_micros, currency: &str| LegDetail::Billing {
            amount_micros,
            currency: currency.into(),
        };
        let network = |asn| LegDetail::Network { asn: Some(asn), shared_egress: false };
        vec![
            event("a", request(), "3fff:12::1", 10),
            event("b", network(64500), "3fff:12::3", 30),
            event("c", network(64501), "3fff:12::2", 20),
            event("d", bill(700, "USD"), "3fff:ff::1", 40),
            event("e", bill(900, "USD"), "3fff:ff::2", 50),
            event("f", bill(5000, "EUR"), "3fff:ff::2", 50),
        ]
    }

    #[test]
    fn the_network_leg_and_the_highest_bill_of_the_main_currency_count() {
        let mut expected = Tally::empty();
        expected.expose(Exposure {
            address: "3fff:12::2".parse::<std::net::Ipv6Addr>().unwrap().to_bits(),
            asn: Some(64500),
            device: device_key("device of a"),
            day: 0,
            impressions: 1,
            revenue_micros: 900,
            flagged: false,
        });
        assert_eq!(bytes(seen(&impression())), expected.to_bytes());
    }

    #[test]
    fn a_request_that_nothing_followed_is_no_impression() {
        let mut tally = Tally::empty();
        tally.expose_events(&impression()[..1]);
        let census = tally.census(adproof_model::Level::P128);
        assert_eq!(census.iter().map(|row| row.totals.impressions).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn without_an_address_nothing_is_exposed() {
        assert_eq!(bytes(seen(&[event("a", request(), "", 1)])), Tally::empty().to_bytes());
    }

    proptest! {
        #[test]
        fn neither_order_nor_split_nor_repeats_change_the_exposures(
            order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
            again in prop::collection::vec(0_usize..3, 0..4),
            at in 0_usize..6,
        ) {
            let events = impression();
            let told: Vec<Event> =
                order.iter().chain(&again).map(|index| events[*index].clone()).collect();
            let (left, right) = told.split_at(at);
            prop_assert_eq!(bytes(seen(right).merge(seen(left))), bytes(seen(&events)));

            let mut writer = BinaryWriter::new();
            seen(&told).write(&mut writer);
            let kept = writer.into_bytes();
            let read = Sightings::read(&mut BinaryReader::new(&kept)).unwrap();
            let mut writer = BinaryWriter::new();
            read.write(&mut writer);
            prop_assert_eq!(&writer.into_bytes(), &kept);
            prop_assert_eq!(bytes(read), bytes(seen(&events)));
        }
    }
}
