//! Our functions in SQL. They compute nothing themselves: addresses are read by `adproof-feeds`,
//! blocks are cut by `adproof-model`, and tallies are kept by `adproof-signal`.

mod address;
mod ipv6;
mod merge;
mod tally;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use ipv6::{Ipv6Prefix, Ipv6Text};
pub use merge::MergeTallies;
pub use tally::TallyAggregate;

/// Registers all of our functions. They travel by name, so every session that runs a plan must
/// have gone through here.
pub fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in [ScalarUDF::from(Ipv6Prefix::default()), ScalarUDF::from(Ipv6Text::default())] {
        registry.register_udf(Arc::new(function))?;
    }
    registry.register_udaf(Arc::new(AggregateUDF::from(TallyAggregate::default())))?;
    registry.register_udaf(Arc::new(AggregateUDF::from(MergeTallies::default())))?;
    Ok(())
}
