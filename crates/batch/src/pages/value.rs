//! One value of a column as it lies in a page.

use adproof_feeds::{TrafficColumn, TrafficRow};
use adproof_signal::Device;
use arrow_schema::{DataType, TimeUnit};
use parquet::basic::Type;

use crate::columns::{DAY_MICROS, DAYS, is_text};

/// What the bytes of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Time since 1970, so many a day.
    Instant(i64),
    Text,
    /// 16 bytes of an address.
    Bits,
    /// A whole number, and whether it may be negative.
    Number(bool),
}

impl Kind {
    /// Nothing where it is left to the other reader.
    pub(super) fn of(column: TrafficColumn, kind: &DataType, physical: Type) -> Option<Self> {
        match (column, kind, physical) {
            (TrafficColumn::Time, DataType::Timestamp(unit, _), Type::INT64) => {
                Some(Self::Instant(match unit {
                    TimeUnit::Second => DAY_MICROS / 1_000_000,
                    TimeUnit::Millisecond => DAY_MICROS / 1_000,
                    TimeUnit::Microsecond => DAY_MICROS,
                    TimeUnit::Nanosecond => DAY_MICROS * 1_000,
                }))
            }
            (TrafficColumn::Address | TrafficColumn::Device, kind, Type::BYTE_ARRAY) => {
                is_text(kind).then_some(Self::Text)
            }
            (TrafficColumn::Address, DataType::FixedSizeBinary(16), Type::FIXED_LEN_BYTE_ARRAY) => {
                Some(Self::Bits)
            }
            (TrafficColumn::Address | TrafficColumn::Time, ..) => None,
            (_, DataType::Int32 | DataType::Int64, Type::INT32 | Type::INT64) => {
                Some(Self::Number(true))
            }
            (_, DataType::UInt32 | DataType::UInt64, Type::INT32 | Type::INT64) => {
                Some(Self::Number(false))
            }
            _ => None,
        }
    }
}

/// What a column holds.
pub(super) trait Value: Copy {
    /// Nothing where the row has to be judged.
    fn read(kind: Kind, raw: &[u8]) -> Option<Self>;
}

impl Value for i32 {
    /// A day.
    #[inline]
    fn read(kind: Kind, raw: &[u8]) -> Option<Self> {
        let Kind::Instant(a_day) = kind else { return None };
        let day = i64::from_le_bytes(raw.try_into().ok()?).div_euclid(a_day);
        DAYS.contains(&day).then(|| Self::try_from(day).ok())?
    }
}

impl Value for u128 {
    /// An address.
    #[inline]
    fn read(kind: Kind, raw: &[u8]) -> Option<Self> {
        match kind {
            Kind::Text => TrafficRow::plain_address(raw),
            Kind::Bits => Some(Self::from_be_bytes(raw.try_into().ok()?)),
            _ => None,
        }
    }
}

impl Value for Device {
    #[inline]
    fn read(kind: Kind, raw: &[u8]) -> Option<Self> {
        match kind {
            Kind::Text => TrafficRow::is_plain_device(raw).then(|| Self::of(raw)),
            Kind::Number(signed) => u64::try_from(number(signed, raw)?).ok().map(Self::of_number),
            _ => None,
        }
    }
}

impl Value for u32 {
    #[inline]
    fn read(kind: Kind, raw: &[u8]) -> Option<Self> {
        let Kind::Number(signed) = kind else { return None };
        number(signed, raw)?.try_into().ok()
    }
}

impl Value for i64 {
    /// Revenue. Larger sums are for who knows the bound.
    #[inline]
    fn read(kind: Kind, raw: &[u8]) -> Option<Self> {
        let Kind::Number(signed) = kind else { return None };
        i32::try_from(number(signed, raw)?).ok().map(Self::from)
    }
}

#[inline]
fn number(signed: bool, raw: &[u8]) -> Option<i128> {
    if let Ok(bytes) = raw.try_into() {
        let bits = u64::from_le_bytes(bytes);
        return Some(if signed { i128::from(bits.cast_signed()) } else { i128::from(bits) });
    }
    let bits = u32::from_le_bytes(raw.try_into().ok()?);
    Some(if signed { i128::from(bits.cast_signed()) } else { i128::from(bits) })
}
