use std::sync::LazyLock;

use adproof_signal::{Exposure, Tally, device_key};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Int64Array, StringViewArray,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
};

use super::address::{Addresses, coerce};
use super::time::{self, Times};

const ARGUMENTS: [&str; 7] =
    ["address", "device", "time", "asn", "impressions", "revenue_micros", "flagged"];
const REQUIRED: usize = 3;

/// `tally(address, device, time [, asn [, impressions [, revenue_micros [, flagged]]]]) -> Binary`:
/// the canonical bytes of an [`adproof_signal::Tally`] over the rows, each an exposure.
///
/// | argument | type | where it is null or left out |
/// |---|---|---|
/// | `address` | text, or 16 bytes in network order | the row is no exposure |
/// | `device` | text (its key is [`device_key`]), or 16 bytes that are the key | no device |
/// | `time` | RFC 3339 text, a timestamp, a date, or the number of a UTC day | the row is no exposure |
/// | `asn` | integer | unknown |
/// | `impressions` | integer, 0 to 2^32 − 1 | null 0, left out 1 |
/// | `revenue_micros` | integer | 0 |
/// | `flagged` | boolean | false |
///
/// The state between steps is the same bytes: partial tallies are merged by [`Tally::merge`], so
/// the result depends neither on the order of the rows nor on how they were split.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TallyAggregate {
    signature: Signature,
}

impl Default for TallyAggregate {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for TallyAggregate {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if !(REQUIRED..=ARGUMENTS.len()).contains(&arg_types.len()) {
            return plan_err!(
                "tally takes {REQUIRED} to {} arguments ({}), not {}",
                ARGUMENTS.len(),
                ARGUMENTS.join(", "),
                arg_types.len()
            );
        }
        arg_types
            .iter()
            .enumerate()
            .map(|(position, given)| match position {
                0 | 1 => coerce(self.name(), given),
                2 => time::coerce(self.name(), given),
                6 => Ok(DataType::Boolean),
                _ => Ok(DataType::Int64),
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
        let name = format_state_name(args.name, "tally");
        Ok(vec![Field::new(name, DataType::Binary, false).into()])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(TallyAccumulator::default()))
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(Tally::empty().to_bytes())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                DocSection { include: true, label: "Scoring Functions", description: None },
                "The mergeable state that scoring starts from, over rows that are exposures of \
                 one's own log, as canonical bytes.",
                "tally(address, device, time [, asn [, impressions [, revenue_micros [, flagged]]]])",
            )
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

#[derive(Debug, Default)]
struct TallyAccumulator {
    tally: Tally,
    /// Upper bound of the bytes that the tally holds: distinct exposures can only be fewer.
    bytes: usize,
}

/// Bytes of one exposure in a tally.
const EXPOSURE_BYTES: usize = 64;

impl Accumulator for TallyAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = Rows::of(values)?;
        for row in 0..rows.len {
            if let Some(exposure) = rows.exposure(row)? {
                self.tally.expose(exposure);
                self.bytes = self.bytes.saturating_add(EXPOSURE_BYTES);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.tally.seal();
        Ok(ScalarValue::Binary(Some(self.tally.to_bytes())))
    }

    fn size(&self) -> usize {
        size_of::<Self>().saturating_add(self.bytes)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(merged("tally", &mut self.tally, states)?);
        Ok(())
    }
}

/// Merges partial states, the canonical bytes of tallies, and gives their bytes together.
pub(super) fn merged(function: &str, tally: &mut Tally, states: &[ArrayRef]) -> Result<usize> {
    let Some(states) = states.first().and_then(AsArray::as_binary_opt::<i32>) else {
        return exec_err!("{function}: the state is no column of bytes");
    };
    let mut len = 0_usize;
    for bytes in states.iter().flatten() {
        let other = Tally::from_bytes(bytes)
            .map_err(|error| exec_datafusion_err!("{function}: {error}"))?;
        *tally = std::mem::take(tally).merge(other);
        len = len.saturating_add(bytes.len());
    }
    Ok(len)
}

/// The arguments of a batch, in the types that coercion gives.
struct Rows<'a> {
    len: usize,
    addresses: Addresses<'a>,
    devices: Devices<'a>,
    times: Times<'a>,
    asns: Option<&'a Int64Array>,
    impressions: Option<&'a Int64Array>,
    revenues: Option<&'a Int64Array>,
    flags: Option<&'a BooleanArray>,
}

enum Devices<'a> {
    Ids(&'a StringViewArray),
    Keys(&'a BinaryViewArray),
    FixedKeys(Addresses<'a>),
}

impl<'a> Rows<'a> {
    fn of(values: &'a [ArrayRef]) -> Result<Self> {
        let [addresses, devices, times, rest @ ..] = values else {
            return exec_err!("tally takes at least {REQUIRED} arguments");
        };
        let integers = |position: usize| {
            rest.get(position).and_then(|array| array.as_primitive_opt::<Int64Type>())
        };
        Ok(Self {
            len: addresses.len(),
            addresses: Addresses::of(addresses)?,
            devices: Devices::of(devices)?,
            times: Times::of("tally", times)?,
            asns: integers(0),
            impressions: integers(1),
            revenues: integers(2),
            flags: rest.get(3).and_then(|array| array.as_boolean_opt()),
        })
    }

    fn exposure(&self, row: usize) -> Result<Option<Exposure>> {
        let address = self.addresses.at(row).filter(|prefix| prefix.bit_len() == 128);
        let (Some(address), Some(day)) = (address, self.times.day(row)?) else {
            return Ok(None);
        };
        let integer = |array: Option<&Int64Array>| {
            array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
        };
        let narrow = |name: &str, value: i64| {
            u32::try_from(value)
                .map_err(|_| exec_datafusion_err!("tally: {value} is no number of {name}"))
        };
        Ok(Some(Exposure {
            address: address.bits(),
            asn: integer(self.asns).map(|asn| narrow("an AS", asn)).transpose()?,
            device: self.devices.key(row)?,
            day,
            impressions: match self.impressions {
                None => 1,
                given => narrow("impressions", integer(given).unwrap_or(0))?,
            },
            revenue_micros: integer(self.revenues).unwrap_or(0),
            flagged: self.flags.is_some_and(|flags| flags.is_valid(row) && flags.value(row)),
        }))
    }
}

impl<'a> Devices<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        if let Some(ids) = array.as_string_view_opt() {
            return Ok(Self::Ids(ids));
        }
        if let Some(keys) = array.as_binary_view_opt() {
            return Ok(Self::Keys(keys));
        }
        Addresses::of(array).map(Self::FixedKeys)
    }

    fn key(&self, row: usize) -> Result<u128> {
        Ok(match self {
            Self::Ids(ids) if ids.is_valid(row) => device_key(ids.value(row)),
            Self::Keys(keys) if keys.is_valid(row) => {
                let key = keys
                    .value(row)
                    .try_into()
                    .map_err(|_| exec_datafusion_err!("tally: a device key has 16 bytes"))?;
                u128::from_be_bytes(key)
            }
            Self::FixedKeys(keys) => keys.at(row).map_or(0, adproof_model::Prefix::bits),
            _ => 0,
        })
    }
}
