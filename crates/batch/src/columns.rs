//! Rows of a log from Arrow columns as they come.
//!
//! Each column is read once from its start to its end, without copying what it holds. A row with a
//! value that is not in its usual form is written as text and judged as a log in text is, so that
//! the same rows are taken, and the same are not, for the same reasons.

mod cells;
mod texts;

use std::borrow::Cow;

use adproof_feeds::{TrafficColumn, TrafficColumns, TrafficRow, TrafficSink};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, RecordBatch, downcast_integer_array};
use arrow_schema::DataType;

pub(crate) use self::texts::is_text;

use self::texts::Texts;

/// Whether a column of this type can hold what is looked for in it.
pub(crate) fn is_readable(column: TrafficColumn, kind: &DataType) -> bool {
    let text = is_text(kind);
    match column {
        TrafficColumn::Time => {
            text || kind.is_integer() || matches!(kind, DataType::Timestamp(..) | DataType::Date32)
        }
        TrafficColumn::Address => text || *kind == DataType::FixedSizeBinary(16),
        TrafficColumn::Device => {
            text || kind.is_integer() || *kind == DataType::FixedSizeBinary(16)
        }
        TrafficColumn::Flagged => text || kind.is_integer() || *kind == DataType::Boolean,
        TrafficColumn::Currency => text,
        _ => text || kind.is_integer(),
    }
}

/// Reads a batch of exactly the columns that are looked for, in their order. Returns how many rows
/// were taken. The number of a reject is that of the row in the batch, from 1, plus `before`.
pub(crate) fn read(
    columns: &TrafficColumns,
    batch: &RecordBatch,
    before: u64,
    sink: &mut impl TrafficSink,
) -> u64 {
    let mut rows = Rows::new(batch.num_rows());
    for (column, array) in columns.columns().iter().zip(batch.columns()) {
        rows.fill(*column, array.as_ref());
    }
    rows.give(columns, batch, before, sink)
}

/// The values of a batch by column. What a log does not have is as in [`TrafficRow`].
struct Rows<'a> {
    days: Vec<i32>,
    addresses: Vec<u128>,
    devices: Devices<'a>,
    asns: Option<Vec<u32>>,
    impressions: Option<Vec<u32>>,
    revenue: Option<Vec<i64>>,
    currencies: Option<Vec<Option<[u8; 3]>>>,
    flags: Option<Vec<bool>>,
    /// Rows that have to be judged as text.
    odd: Vec<bool>,
}

enum Devices<'a> {
    None,
    Texts(Texts<'a>),
    /// Numbers as they are written.
    Digits(Vec<([u8; 20], u8)>),
    /// Every row is judged.
    Judged,
}

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// Days whose dates can be written.
pub(crate) const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

impl<'a> Rows<'a> {
    fn new(rows: usize) -> Self {
        Self {
            days: vec![0; rows],
            addresses: vec![0; rows],
            devices: Devices::None,
            asns: None,
            impressions: None,
            revenue: None,
            currencies: None,
            flags: None,
            odd: vec![false; rows],
        }
    }

    fn fill(&mut self, column: TrafficColumn, array: &'a dyn Array) {
        let rows = self.odd.len();
        let odd = &mut self.odd;
        match column {
            TrafficColumn::Time => fill_days(array, &mut self.days, odd),
            TrafficColumn::Address => fill_addresses(array, &mut self.addresses, odd),
            TrafficColumn::Device => self.devices = devices(array, odd),
            TrafficColumn::Asn => {
                let mut asns = vec![0; rows];
                numbers(array, &mut asns, odd, |asn| u32::try_from(asn).ok());
                self.asns = Some(asns);
            }
            TrafficColumn::Impressions => {
                let mut impressions = vec![1; rows];
                numbers(array, &mut impressions, odd, |count| u32::try_from(count).ok());
                self.impressions = Some(impressions);
            }
            TrafficColumn::Revenue => {
                let mut revenue = vec![0; rows];
                // Larger sums are for who knows the bound.
                let small = |micros: i128| i32::try_from(micros).ok().map(i64::from);
                numbers(array, &mut revenue, odd, small);
                self.revenue = Some(revenue);
            }
            TrafficColumn::Currency => {
                let mut currencies = vec![None; rows];
                each(array, odd, &mut currencies, |text| {
                    let code = <[u8; 3]>::try_from(text).ok()?;
                    code.iter().all(u8::is_ascii_uppercase).then_some(Some(code))
                });
                self.currencies = Some(currencies);
            }
            TrafficColumn::Flagged => {
                let mut flags = vec![false; rows];
                if let Some(array) = array.as_boolean_opt() {
                    for (flag, value) in flags.iter_mut().zip(array) {
                        *flag = value.unwrap_or(false);
                    }
                } else {
                    odd.fill(true);
                }
                self.flags = Some(flags);
            }
            _ => {}
        }
    }

    fn give(
        &self,
        columns: &TrafficColumns,
        batch: &RecordBatch,
        before: u64,
        sink: &mut impl TrafficSink,
    ) -> u64 {
        fn at<T: Copy>(values: Option<&Vec<T>>, row: usize) -> Option<T> {
            values.and_then(|values| values.get(row)).copied()
        }
        let mut taken = 0;
        let places = self.days.iter().zip(&self.addresses);
        for (row, ((day, address), odd)) in places.zip(&self.odd).enumerate() {
            let device = if *odd { None } else { self.devices.plain(row) };
            let Some(device) = device else {
                let cells = batch.columns().iter().zip(columns.columns());
                let cells: Vec<Cow<'_, [u8]>> = cells
                    .map(|(array, column)| cells::text(array.as_ref(), *column, row))
                    .collect();
                match columns.judge(before + row as u64 + 1, &cells, |row| sink.row(row)) {
                    Ok(()) => taken += 1,
                    Err(reject) => sink.reject(reject),
                }
                continue;
            };
            taken += 1;
            sink.row(TrafficRow {
                address: *address,
                day: *day,
                device,
                asn: at(self.asns.as_ref(), row).filter(|asn| *asn != 0),
                impressions: at(self.impressions.as_ref(), row).unwrap_or(1),
                revenue_micros: at(self.revenue.as_ref(), row).unwrap_or(0),
                currency: at(self.currencies.as_ref(), row).flatten(),
                flagged: at(self.flags.as_ref(), row).unwrap_or(false),
            });
        }
        taken
    }
}

impl Devices<'_> {
    /// A row's device; nothing where it has to be judged.
    #[inline]
    fn plain(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::None => Some(&[]),
            Self::Texts(texts) => {
                let id = texts.at(row).unwrap_or(&[]);
                TrafficRow::is_plain_device(id).then_some(id)
            }
            Self::Digits(numbers) => {
                let (digits, start) = numbers.get(row)?;
                digits.get(usize::from(*start)..)
            }
            Self::Judged => None,
        }
    }
}

fn devices<'a>(array: &'a dyn Array, odd: &mut [bool]) -> Devices<'a> {
    if let Some(texts) = Texts::of(array) {
        return Devices::Texts(texts);
    }
    if !array.data_type().is_integer() {
        return Devices::Judged;
    }
    let mut numbers_of: Vec<([u8; 20], u8)> = vec![([0; 20], 20); odd.len()];
    numbers(array, &mut numbers_of, odd, |id| u64::try_from(id).ok().map(digits));
    Devices::Digits(numbers_of)
}

/// A number as it is written, at the end of the bytes, and where it starts.
fn digits(number: u64) -> ([u8; 20], u8) {
    let (mut bytes, mut rest, mut start) = ([0; 20], number, 20);
    for (at, pair) in (0..10).zip(bytes.as_chunks_mut::<2>().0).rev() {
        let low = u8::try_from(rest % 100).unwrap_or(0);
        *pair = [b'0' + low / 10, b'0' + low % 10];
        rest /= 100;
        if rest == 0 {
            start = 2 * at + u8::from(low < 10);
            break;
        }
    }
    (bytes, start)
}

/// Whole numbers of any width. A null leaves what is there.
fn numbers<T>(
    array: &dyn Array,
    values: &mut [T],
    odd: &mut [bool],
    take: impl Fn(i128) -> Option<T>,
) {
    downcast_integer_array!(
        array => {
            let none = array.null_count() == 0;
            for (row, ((value, odd), number)) in
                values.iter_mut().zip(odd).zip(array.values()).enumerate()
            {
                if none || array.is_valid(row) {
                    match take(i128::from(*number)) {
                        Some(taken) => *value = taken,
                        None => *odd = true,
                    }
                }
            }
        },
        _ => odd.fill(true)
    );
}

/// Texts of any kind. A null leaves what is there.
fn each<T>(
    array: &dyn Array,
    odd: &mut [bool],
    values: &mut [T],
    take: impl Fn(&[u8]) -> Option<T>,
) {
    let Some(texts) = Texts::of(array) else {
        odd.fill(true);
        return;
    };
    for (row, (value, odd)) in values.iter_mut().zip(odd).enumerate() {
        if let Some(text) = texts.at(row) {
            match take(text) {
                Some(taken) => *value = taken,
                None => *odd = true,
            }
        }
    }
}

fn fill_days(array: &dyn Array, days: &mut [i32], odd: &mut [bool]) {
    missing(array, odd);
    if let Some(array) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        whole_days::<DAY_MICROS>(array.values(), days, odd);
    } else if let Some(array) = array.as_primitive_opt::<TimestampMillisecondType>() {
        whole_days::<{ DAY_MICROS / 1_000 }>(array.values(), days, odd);
    } else if let Some(array) = array.as_primitive_opt::<TimestampSecondType>() {
        whole_days::<{ DAY_MICROS / 1_000_000 }>(array.values(), days, odd);
    } else if let Some(array) = array.as_primitive_opt::<TimestampNanosecondType>() {
        whole_days::<{ DAY_MICROS * 1_000 }>(array.values(), days, odd);
    } else if let Some(array) = array.as_primitive_opt::<Date32Type>() {
        for ((day, odd), value) in days.iter_mut().zip(odd).zip(array.values()) {
            *day = *value;
            *odd |= !DAYS.contains(&i64::from(*value));
        }
    } else if array.data_type().is_integer() {
        // A number of digits says the unit, as in text.
        numbers(array, days, odd, |number| {
            let a_day = match number {
                0..=9_999_999_999 => DAY_MICROS / 1_000_000,
                1_000_000_000_000..=9_999_999_999_999 => DAY_MICROS / 1_000,
                1_000_000_000_000_000..=9_999_999_999_999_999 => DAY_MICROS,
                _ => return None,
            };
            i32::try_from(number / i128::from(a_day)).ok()
        });
    } else {
        odd.fill(true);
    }
}

/// The days of instants of which a day has `A_DAY`.
fn whole_days<const A_DAY: i64>(instants: &[i64], days: &mut [i32], odd: &mut [bool]) {
    for ((day, odd), instant) in days.iter_mut().zip(odd).zip(instants) {
        let found = instant.div_euclid(A_DAY);
        *odd |= !DAYS.contains(&found);
        *day = i32::try_from(found).unwrap_or(0);
    }
}

fn fill_addresses(array: &dyn Array, addresses: &mut [u128], odd: &mut [bool]) {
    if let Some(array) = array.as_fixed_size_binary_opt() {
        let values = array.value_data().as_chunks::<16>().0;
        for (address, bits) in addresses.iter_mut().zip(values) {
            *address = u128::from_be_bytes(*bits);
        }
    } else {
        each(array, odd, addresses, TrafficRow::plain_address);
    }
    missing(array, odd);
}

/// A row without what every row must have is judged, which says so.
fn missing(array: &dyn Array, odd: &mut [bool]) {
    if let Some(nulls) = array.logical_nulls() {
        for (odd, valid) in odd.iter_mut().zip(&nulls) {
            *odd |= !valid;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        let edges = (0..20).map(|power| 10_u64.pow(power)).flat_map(|ten| [ten - 1, ten, ten + 1]);
        for number in edges.chain([u64::MAX, 1_234_567_890_123_456_789]) {
            let (bytes, start) = digits(number);
            assert_eq!(bytes[usize::from(start)..], *number.to_string().as_bytes());
        }
    }
}
