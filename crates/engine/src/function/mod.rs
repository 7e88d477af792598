//! Our functions in SQL. They compute nothing themselves: addresses and events are read by
//! `adproof-feeds`, blocks are cut by `adproof-model`, and tallies are kept and scored by
//! `adproof-signal`.

mod address;
mod asn;
mod event;
mod ipv6;
mod marks;
mod merge;
mod recurrence;
mod sightings;
mod tally;
mod time;

use std::sync::Arc;

use datafusion::catalog::TableFunction;
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use asn::AsnOfAddress;
pub(crate) use event::{EVENT_FIELD, EVENT_ROW, EventField, EventRow, REJECT_FIELDS, SEPARATOR};
pub use ipv6::{AddressFunction, Ipv6Prefix};
pub use marks::MarksAggregate;
pub use merge::MergeTallies;
pub(crate) use recurrence::{RECURRENCE_ROWS, Recurrence};
pub use sightings::SightingsAggregate;
pub use tally::TallyAggregate;

/// Registers all of our functions. They travel by name, so every session that runs a plan must
/// have gone through here.
pub fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in [
        ScalarUDF::from(AddressFunction::parse()),
        ScalarUDF::from(AddressFunction::scope()),
        ScalarUDF::from(AddressFunction::text()),
        ScalarUDF::from(Ipv6Prefix::default()),
        ScalarUDF::from(AsnOfAddress::default()),
        ScalarUDF::from(EventRow::default()),
        ScalarUDF::from(EventField::default()),
        ScalarUDF::from(recurrence::RecurrenceRows::default()),
    ] {
        registry.register_udf(Arc::new(function))?;
    }
    registry.register_udaf(Arc::new(AggregateUDF::from(TallyAggregate::default())))?;
    registry.register_udaf(Arc::new(AggregateUDF::from(MergeTallies::default())))?;
    registry.register_udaf(Arc::new(AggregateUDF::from(SightingsAggregate::default())))?;
    registry.register_udaf(Arc::new(AggregateUDF::from(MarksAggregate::default())))?;
    Ok(())
}

/// Functions that tables are made with, and nobody calls by name.
pub(crate) const INTERNAL: [&str; 3] = [EVENT_ROW, EVENT_FIELD, RECURRENCE_ROWS];

/// The function `recurrence`, which is a table and so lives beside the registry.
pub(crate) fn table_function() -> TableFunction {
    TableFunction::new("recurrence".to_owned(), Arc::new(Recurrence))
}
