use std::net::IpAddr;
use std::sync::LazyLock;

use adproof_model::{BinaryReader, BinaryWriter, Event, Leg, LegDetail, Timestamp};
use adproof_signal::{Sightings, Tally};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
};

use super::time::{self, Times};

const ARGUMENTS: [&str; 10] = [
    "id",
    "leg",
    "time",
    "transaction",
    "impression",
    "ip",
    "ifa",
    "asn",
    "amount_micros",
    "currency",
];

/// What the bytes of [`Sightings`] begin with here. Those of a tally begin with other bytes.
const MAGIC: &[u8] = b"adproof sightings v1\n";

/// `sightings(id, leg, time, transaction, impression, ip, ifa, asn, amount_micros, currency) ->
/// Binary`: the bytes of [`Sightings`] over the rows, each an event with these columns of the table
/// `events`. A row without an id, a leg or a time is no event.
///
/// Impressions are put together from their events: what is repeated or late changes nothing, and
/// the result depends neither on the order of the rows nor on how they were split. `merge_tallies`
/// and `recurrence` make a tally of it, as `adproof score --events` does.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SightingsAggregate {
    signature: Signature,
}

impl Default for SightingsAggregate {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for SightingsAggregate {
    fn name(&self) -> &'static str {
        "sightings"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if arg_types.len() != ARGUMENTS.len() {
            return plan_err!(
                "sightings takes the columns {} of events, not {} arguments",
                ARGUMENTS.join(", "),
                arg_types.len()
            );
        }
        let types = arg_types.iter().zip(ARGUMENTS).enumerate();
        types
            .map(|(position, (given, name))| match position {
                2 => time::coerce(self.name(), given),
                7 | 8 if given.is_integer() || given.is_null() => Ok(DataType::Int64),
                7 | 8 => plan_err!("sightings takes {name} as an integer, not as {given}"),
                _ if given.is_string() || given.is_null() => Ok(DataType::Utf8View),
                _ => plan_err!("sightings takes {name} as text, not as {given}"),
            })
            .collect()
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "sightings");
        Ok(vec![Field::new(name, DataType::Binary, false).into()])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Seeing::default()))
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(Seen::default().to_bytes())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                DocSection { include: true, label: "Scoring Functions", description: None },
                "The impressions of event logs with legs, put together from their events, as bytes \
                 that merge_tallies and recurrence take beside tallies.",
                "sightings(id, leg, time, transaction, impression, ip, ifa, asn, amount_micros, \
                 currency)",
            )
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

/// Impressions that merge, and how much they hold.
#[derive(Debug, Default)]
pub(super) struct Seen {
    sightings: Sightings,
    /// Upper bound of the bytes: events of one impression need fewer.
    bytes: usize,
}

/// Bytes of an impression with its names.
const SIGHTING_BYTES: usize = 256;

impl Seen {
    /// Adds the impressions that these bytes hold; nothing where they are something else, such as a
    /// tally.
    pub(super) fn merge(&mut self, bytes: &[u8]) -> Result<Option<()>> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Ok(None) };
        let mut reader = BinaryReader::new(rest);
        let read = Sightings::read(&mut reader).and_then(|read| reader.end().map(|()| read));
        let other = read.map_err(|error| exec_datafusion_err!("sightings: {error}"))?;
        self.sightings = std::mem::take(&mut self.sightings).merge(other);
        self.bytes = self.bytes.saturating_add(bytes.len().saturating_mul(2));
        Ok(Some(()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sightings.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = BinaryWriter::new();
        self.sightings.write(&mut writer);
        [MAGIC, &writer.into_bytes()].concat()
    }

    /// Adds the impressions to a tally of all feeds.
    pub(super) fn expose(&self, tally: &mut Tally) {
        tally.expose_sightings(&self.sightings);
    }
}

#[derive(Debug, Default)]
struct Seeing {
    seen: Seen,
}

impl Accumulator for Seeing {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = Rows::of(values)?;
        for row in 0..rows.len {
            if let Some(event) = rows.event(row)? {
                self.seen.sightings.add(&event);
                self.seen.bytes = self.seen.bytes.saturating_add(SIGHTING_BYTES);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.seen.to_bytes())))
    }

    fn size(&self) -> usize {
        size_of::<Self>().saturating_add(self.seen.bytes)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first().and_then(AsArray::as_binary_opt::<i32>) else {
            return exec_err!("sightings: the state is no column of bytes");
        };
        for bytes in states.iter().flatten() {
            let merged = self.seen.merge(bytes)?;
            merged.ok_or_else(|| exec_datafusion_err!("sightings: the state is something else"))?;
        }
        Ok(())
    }
}

/// The arguments of a batch, in the types that coercion gives.
struct Rows<'a> {
    len: usize,
    /// By their place among the arguments.
    texts: [Option<&'a StringViewArray>; ARGUMENTS.len()],
    times: Times<'a>,
    asns: Option<&'a Int64Array>,
    amounts: Option<&'a Int64Array>,
}

const DAY_MICROS: i64 = 86_400_000_000;

impl<'a> Rows<'a> {
    fn of(values: &'a [ArrayRef]) -> Result<Self> {
        let [ids, _, times, _, _, _, _, asns, amounts, _] = values else {
            return exec_err!("sightings takes {} arguments", ARGUMENTS.len());
        };
        let mut texts = [None; ARGUMENTS.len()];
        for (slot, value) in texts.iter_mut().zip(values) {
            *slot = value.as_string_view_opt();
        }
        Ok(Self {
            len: ids.len(),
            texts,
            times: Times::of("sightings", times)?,
            asns: asns.as_primitive_opt::<Int64Type>(),
            amounts: amounts.as_primitive_opt::<Int64Type>(),
        })
    }

    fn text(&self, position: usize, row: usize) -> Option<&'a str> {
        let array = self.texts.get(position).copied().flatten()?;
        array.is_valid(row).then(|| array.value(row))
    }

    /// What counts of an event; all else is empty.
    fn event(&self, row: usize) -> Result<Option<Event>> {
        let (Some(id), Some(leg), Some(day)) =
            (self.text(0, row), self.text(1, row), self.times.day(row)?)
        else {
            return Ok(None);
        };
        let leg = Leg::ALL.into_iter().find(|known| known.as_str() == leg);
        let leg = leg.ok_or_else(|| {
            exec_datafusion_err!("sightings: `{}` is no leg", self.text(1, row).unwrap_or(""))
        })?;
        let integer = |array: Option<&Int64Array>| {
            array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
        };
        let detail = match (leg, integer(self.amounts)) {
            (Leg::Network, _) => LegDetail::Network {
                asn: integer(self.asns)
                    .map(|asn| {
                        u32::try_from(asn).map_err(|_| {
                            exec_datafusion_err!("sightings: {asn} is no number of an AS")
                        })
                    })
                    .transpose()?,
                shared_egress: false,
            },
            (Leg::Billing, Some(amount_micros)) => LegDetail::Billing {
                amount_micros,
                currency: self.text(9, row).unwrap_or_default().into(),
            },
            // Nothing else of a leg counts, and a withheld leg has nothing.
            (leg, _) => LegDetail::Withheld { leg, redacted: true },
        };
        let ip = self.text(5, row).map(|text| {
            text.parse::<IpAddr>()
                .map_err(|_| exec_datafusion_err!("sightings: `{text}` is no address"))
        });
        let time = day.checked_mul(DAY_MICROS);
        let time = time.ok_or_else(|| exec_datafusion_err!("sightings: {day} is no day"))?;
        Ok(Some(Event {
            received: Timestamp::from_micros(time),
            id: id.into(),
            time: Timestamp::from_micros(time),
            observer: Box::default(),
            transaction: self.text(3, row).map(Into::into),
            impression: self.text(4, row).map(Into::into),
            ip: ip.transpose()?,
            user_agent: None,
            device: self.text(6, row).map(Into::into),
            bundle: None,
            detail,
        }))
    }
}
