//! A cell as a log in text would hold it.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use adproof_feeds::TrafficColumn;
use adproof_model::Timestamp;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, downcast_integer_array};
use arrow_schema::{DataType, TimeUnit};

use super::texts::Texts;

/// Empty where it is null.
pub(super) fn text(array: &dyn Array, column: TrafficColumn, row: usize) -> Cow<'_, [u8]> {
    if !array.is_valid(row) {
        return Cow::Borrowed(&[]);
    }
    if let Some(texts) = Texts::of(array) {
        return Cow::Borrowed(texts.at(row).unwrap_or(&[]));
    }
    let written = match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::FixedSizeBinary(_) => sixteen(array.as_fixed_size_binary().value(row), column),
        DataType::Date32 => {
            instant(i128::from(array.as_primitive::<Date32Type>().value(row)) * 86_400_000_000)
        }
        DataType::Timestamp(unit, _) => {
            let micros = match unit {
                TimeUnit::Second => {
                    i128::from(array.as_primitive::<TimestampSecondType>().value(row)) * 1_000_000
                }
                TimeUnit::Millisecond => {
                    i128::from(array.as_primitive::<TimestampMillisecondType>().value(row)) * 1_000
                }
                TimeUnit::Microsecond => {
                    i128::from(array.as_primitive::<TimestampMicrosecondType>().value(row))
                }
                TimeUnit::Nanosecond => {
                    let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
                    i128::from(nanos).div_euclid(1_000)
                }
            };
            instant(micros)
        }
        _ => downcast_integer_array!(
            array => array.value(row).to_string(),
            _ => String::new()
        ),
    };
    Cow::Owned(written.into_bytes())
}

/// An instant that no date can be written for is shown as its microseconds, with their unit.
fn instant(micros: i128) -> String {
    match i64::try_from(micros) {
        Ok(micros) => Timestamp::from_micros(micros).to_string(),
        Err(_) => format!("{micros} µs"),
    }
}

/// An address in network order, or a UUID.
fn sixteen(bytes: &[u8], column: TrafficColumn) -> String {
    let Ok(bits) = <[u8; 16]>::try_from(bytes).map(u128::from_be_bytes) else {
        return String::new();
    };
    if column == TrafficColumn::Address {
        return Ipv6Addr::from_bits(bits).to_string();
    }
    let digits = format!("{bits:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| digits.get(group).unwrap_or(""));
    groups.join("-")
}
