//! Times and days as arguments.

use adproof_model::Timestamp;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err, plan_err};

/// The type that a time of the type `given` is read in.
pub(super) fn coerce(function: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Ok(DataType::Utf8View)
        }
        DataType::Dictionary(_, value) => coerce(function, value),
        // A zone names how an instant is shown; one without a zone is taken for UTC.
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            Ok(DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        given if given.is_integer() => Ok(DataType::Int64),
        other => {
            plan_err!("{function} takes a time as text, timestamp, date or day, not as {other}")
        }
    }
}

/// A column of times in one of the types that [`coerce`] gives.
pub(super) struct Times<'a> {
    function: &'static str,
    column: Column<'a>,
}

enum Column<'a> {
    Texts(&'a StringViewArray),
    Instants(&'a TimestampMicrosecondArray),
    Days(&'a Int64Array),
}

impl<'a> Times<'a> {
    pub(super) fn of(function: &'static str, array: &'a ArrayRef) -> Result<Self> {
        let texts = array.as_string_view_opt().map(Column::Texts);
        let instants =
            || array.as_primitive_opt::<TimestampMicrosecondType>().map(Column::Instants);
        let days = || array.as_primitive_opt::<Int64Type>().map(Column::Days);
        let column = texts.or_else(instants).or_else(days);
        let column =
            column.ok_or_else(|| exec_datafusion_err!("{function}: no column of times"))?;
        Ok(Self { function, column })
    }

    /// The UTC day of a row, counted from 1970-01-01; none for null.
    pub(super) fn day(&self, row: usize) -> Result<Option<i64>> {
        Ok(match self.column {
            Column::Texts(texts) if texts.is_valid(row) => {
                let text = texts.value(row).trim();
                let day = date(text).map_or_else(|| text.parse().map(Timestamp::day), Ok);
                let wrong = |error| exec_datafusion_err!("{}: `{text}`: {error}", self.function);
                Some(day.map_err(wrong)?)
            }
            Column::Instants(instants) if instants.is_valid(row) => {
                Some(Timestamp::from_micros(instants.value(row)).day())
            }
            Column::Days(days) if days.is_valid(row) => Some(days.value(row)),
            _ => None,
        })
    }
}

/// A date without a time, `YYYY-MM-DD`.
fn date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let mut number = |len: usize| -> Option<u16> {
        let digits = parts.next()?;
        let plain = digits.len() == len && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    Timestamp::day_of(year.into(), u8::try_from(month).ok()?, u8::try_from(day).ok()?)
}
