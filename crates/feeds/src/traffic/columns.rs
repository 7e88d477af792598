//! Traffic logs that lie in typed columns: which columns are read, and how a row is judged whose
//! values are not the usual ones.

use std::borrow::Cow;

use adproof_model::{Reject, ipv6};

use super::{TrafficColumn, TrafficRow, columns_of, judge};
use crate::table::{bounded, reject_of};
use crate::{FeedFault, Limits};

/// Which columns of a table hold a log of traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficColumns {
    /// Places in the table, in order.
    places: Vec<usize>,
    columns: Vec<TrafficColumn>,
    names: Vec<Box<str>>,
    limits: Limits,
}

impl TrafficColumns {
    /// Finds the columns by their names, as in the header of a log in text; nothing where the
    /// table is an event log with legs.
    pub fn of_names(names: &[String], limits: &Limits) -> Result<Option<Self>, FeedFault> {
        let Some(all) = columns_of(names, limits)? else { return Ok(None) };
        let mut found = Self {
            places: Vec::new(),
            columns: Vec::new(),
            names: Vec::new(),
            limits: limits.clone(),
        };
        for (place, (column, name)) in all.into_iter().zip(names).enumerate() {
            if column != TrafficColumn::Other {
                found.places.push(place);
                found.columns.push(column);
                found.names.push(bounded(name, 80).into());
            }
        }
        Ok(Some(found))
    }

    /// The places in the table of the columns that are read, in order.
    #[must_use]
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// What each of them holds.
    #[must_use]
    pub fn columns(&self) -> &[TrafficColumn] {
        &self.columns
    }

    /// Reads a row from the text of its cells, one for each of [`Self::columns`], exactly as a log
    /// in text is read; an empty cell says nothing. `number` is that of the row in a reject.
    pub fn judge<T>(
        &self,
        number: u64,
        cells: &[Cow<'_, [u8]>],
        take: impl FnOnce(TrafficRow<'_>) -> T,
    ) -> Result<T, Reject> {
        match judge::cells(cells, &self.columns, &self.names, &self.limits) {
            Ok(row) => Ok(take(row.borrowed())),
            Err(judge::Unfit { column, value, reason }) => {
                Err(reject_of(&self.limits, number, &column, &value, &reason))
            }
        }
    }
}

impl TrafficRow<'_> {
    /// The bits of an address that is written as plain IPv6 text. Nothing is for
    /// [`TrafficColumns::judge`], which knows all forms and says what is wrong.
    #[must_use]
    #[inline]
    pub fn plain_address(text: &[u8]) -> Option<u128> {
        match <&[u8; 39]>::try_from(text) {
            Ok(full) => ipv6::parse_full(full).or_else(|| ipv6::parse(text)),
            Err(_) => ipv6::parse(text),
        }
    }

    /// Whether a device id means itself as it is written. Every other is for
    /// [`TrafficColumns::judge`].
    #[must_use]
    #[inline]
    pub fn is_plain_device(id: &[u8]) -> bool {
        judge::is_plain_device(id)
    }
}
