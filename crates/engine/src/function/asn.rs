use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use adproof_feeds::{AsnEntry, AsnTable};
use datafusion::arrow::array::{Array, Int64Builder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::address::{Addresses, coerce};
use super::ipv6::{SECTION, over_rows};
use super::time::{self, Times};

/// `asn(address, day) -> Int64`: the autonomous system that announces the address on the day, by
/// the narrowest range of an [`AsnTable`]. The day may be left out where no range is dated.
///
/// Null where no range holds the address. A prefix has a number where one range of that number
/// holds both of its ends.
#[derive(Debug)]
pub struct AsnOfAddress {
    signature: Signature,
    table: Option<Arc<AsnTable>>,
}

impl AsnOfAddress {
    /// The function over a table.
    #[must_use]
    pub fn new(table: Arc<AsnTable>) -> Self {
        Self { table: Some(table), ..Self::default() }
    }
}

impl Default for AsnOfAddress {
    /// The function without a table: it says how to name one.
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), table: None }
    }
}

impl PartialEq for AsnOfAddress {
    fn eq(&self, other: &Self) -> bool {
        let digest = |one: &Self| one.table.as_ref().map(|table| table.digest());
        digest(self) == digest(other)
    }
}

impl Eq for AsnOfAddress {}

impl Hash for AsnOfAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.table.as_ref().map(|table| *table.digest().as_bytes()).hash(state);
    }
}

impl ScalarUDFImpl for AsnOfAddress {
    fn name(&self) -> &'static str {
        "asn"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [address] => Ok(vec![coerce(self.name(), address)?]),
            [address, day] => {
                Ok(vec![coerce(self.name(), address)?, time::coerce(self.name(), day)?])
            }
            _ => plan_err!("asn takes an address and a day, not {} arguments", arg_types.len()),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match &self.table {
            None => plan_err!(
                "asn needs a table of autonomous systems: name one with --asn (CSV with asn, name \
                 and start, end or prefix)"
            ),
            Some(table) if arg_types.len() < 2 && table.is_dated() => {
                plan_err!("asn takes a day: ranges of the table hold on some days only")
            }
            Some(_) => Ok(DataType::Int64),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(table) = &self.table else {
            return exec_err!("asn has no table of autonomous systems here");
        };
        over_rows(&args, |arrays, rows| {
            let (address, day) = match arrays {
                [address] => (address, None),
                [address, day] => (address, Some(Times::of("asn", day)?)),
                _ => return exec_err!("asn takes an address and a day"),
            };
            let addresses = Addresses::of(address)?;
            let mut found = Int64Builder::with_capacity(rows);
            for row in 0..rows {
                let day = match &day {
                    None => Some(None),
                    Some(days) => days.day(row)?.map(Some),
                };
                let at = |bits: u128| -> Option<&AsnEntry> {
                    match day? {
                        None => table.lookup(bits),
                        Some(day) => table.lookup_on(bits, day),
                    }
                };
                let asn = addresses.at(row).and_then(|prefix| {
                    let first = at(prefix.bits())?.asn;
                    let whole = prefix.bit_len() == 128
                        || at(prefix.last_bits()).is_some_and(|last| last.asn == first);
                    whole.then_some(i64::from(first))
                });
                found.append_option(asn);
            }
            Ok(Arc::new(found.finish()) as Arc<dyn Array>)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                SECTION,
                "The autonomous system that announces the address on the day, by the narrowest \
                 range of the table that --asn names.",
                "asn(address, day)",
            )
            .with_argument("address", "Text in any form that feeds use, or 16 bytes.")
            .with_argument(
                "day",
                "A date, a timestamp, text of either, or the number of a UTC day; may be left out \
                 where no range of the table is dated.",
            )
            .build()
        });
        Some(&DOCUMENTATION)
    }
}
