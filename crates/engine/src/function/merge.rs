use std::sync::LazyLock;

use adproof_signal::Tally;
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
};

use super::sightings::Seen;

/// `merge_tallies(tally) -> Binary`: the canonical bytes of the merge of all tallies of a group, as
/// [`TallyAggregate`](super::TallyAggregate) and [`MarksAggregate`](super::MarksAggregate) give
/// them. Null is left out, and no row is the empty tally.
///
/// What [`SightingsAggregate`](super::SightingsAggregate) gives may be among them. It is put
/// together first and added last: an impression may be spread over several, and which exposures
/// are flagged is known when all feeds are.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct MergeTallies {
    signature: Signature,
}

impl Default for MergeTallies {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for MergeTallies {
    fn name(&self) -> &'static str {
        "merge_tallies"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if let [DataType::Null | DataType::Binary | DataType::LargeBinary | DataType::BinaryView] =
            arg_types
        {
            return Ok(vec![DataType::Binary]);
        }
        plan_err!("merge_tallies takes one column of tallies, as tally gives them")
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |name| Field::new(format_state_name(args.name, name), DataType::Binary, true);
        Ok(vec![field("tallies").into(), field("sightings").into()])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Merging::default()))
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(Tally::empty().to_bytes())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                DocSection { include: true, label: "Scoring Functions", description: None },
                "The merge of the tallies of a group, and of what sightings gives, as canonical \
                 bytes.",
                "merge_tallies(tally)",
            )
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

/// Tallies that wait for their merge. One that stays alone in its group is never taken apart.
#[derive(Debug, Default)]
struct Merging {
    /// The first holds what was merged.
    held: Vec<Vec<u8>>,
    /// Bytes of all but the first.
    waiting: usize,
    /// What is no tally yet.
    seen: Seen,
}

/// What may wait beside a first one that is smaller.
const WAITING_BYTES: usize = 1 << 20;

impl Merging {
    fn hold(&mut self, column: Option<&ArrayRef>) -> Result<()> {
        let Some(tallies) = column.and_then(AsArray::as_binary_opt::<i32>) else {
            return exec_err!("merge_tallies: no column of bytes");
        };
        for bytes in tallies.iter().flatten() {
            if self.seen.merge(bytes)?.is_some() {
                continue;
            }
            if !self.held.is_empty() {
                self.waiting = self.waiting.saturating_add(bytes.len());
            }
            self.held.push(bytes.to_vec());
            // Merged when as much waits as is merged, so that merging stays linear.
            if self.waiting > self.held.first().map_or(0, Vec::len).max(WAITING_BYTES) {
                self.settle()?;
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        self.held = vec![self.merged()?.to_bytes()];
        self.waiting = 0;
        Ok(())
    }

    fn merged(&self) -> Result<Tally> {
        let tallies = self.held.iter().map(|bytes| {
            Tally::from_bytes(bytes).map_err(|error| exec_datafusion_err!("merge_tallies: {error}"))
        });
        Ok(Tally::merge_all(tallies.collect::<Result<_>>()?))
    }
}

impl Accumulator for Merging {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.hold(values.first())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.hold(states.first())?;
        self.hold(states.get(1))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        if self.held.len() > 1 {
            self.settle()?;
        }
        let seen = (!self.seen.is_empty()).then(|| self.seen.to_bytes());
        Ok(vec![ScalarValue::Binary(self.held.first().cloned()), ScalarValue::Binary(seen)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // Also a single one is read: what is given out is a tally.
        let mut tally = self.merged()?;
        self.seen.expose(&mut tally);
        Ok(ScalarValue::Binary(Some(tally.to_bytes())))
    }

    fn size(&self) -> usize {
        let held = self.held.iter().map(Vec::capacity).sum::<usize>();
        size_of::<Self>().saturating_add(held).saturating_add(self.seen.bytes())
    }
}
