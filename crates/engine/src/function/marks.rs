use std::sync::LazyLock;

use adproof_model::{FraudType, Indicator, IssueId};
use adproof_signal::Tally;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
};

use super::address::{Addresses, coerce};
use super::tally::merged;

const ARGUMENTS: [&str; 6] = ["prefix", "fraud_type", "issue", "feed", "provider", "asn"];
const REQUIRED: usize = 3;

/// `marks(prefix, fraud_type, issue [, feed [, provider [, asn]]]) -> Binary`: the canonical bytes
/// of an [`adproof_signal::Tally`] over the rows, each an indicator of a feed.
///
/// | argument | type | where it is null or left out |
/// |---|---|---|
/// | `prefix` | text, or 16 bytes in network order | the row marks nothing, but its issue counts |
/// | `fraud_type` | text | `unspecified` |
/// | `issue` | text: `2026-05-31`, `2026-05` or `2026-W22` | the row is no indicator |
/// | `feed` | text: issues of one feed are one source | `feed` |
/// | `provider` | text | unknown |
/// | `asn` | integer | unknown |
///
/// Partial tallies are merged by [`Tally::merge`], so the result depends neither on the order of
/// the rows nor on how they were split.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct MarksAggregate {
    signature: Signature,
}

impl Default for MarksAggregate {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for MarksAggregate {
    fn name(&self) -> &'static str {
        "marks"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if !(REQUIRED..=ARGUMENTS.len()).contains(&arg_types.len()) {
            return plan_err!(
                "marks takes {REQUIRED} to {} arguments ({}), not {}",
                ARGUMENTS.len(),
                ARGUMENTS.join(", "),
                arg_types.len()
            );
        }
        let types = arg_types.iter().zip(ARGUMENTS).enumerate();
        types
            .map(|(position, (given, name))| match position {
                0 => coerce(self.name(), given),
                5 if given.is_integer() || given.is_null() => Ok(DataType::Int64),
                1..=4 if given.is_string() || given.is_null() => Ok(DataType::Utf8View),
                5 => plan_err!("marks takes {name} as an integer, not as {given}"),
                _ => plan_err!("marks takes {name} as text, not as {given}"),
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
        let name = format_state_name(args.name, "marks");
        Ok(vec![Field::new(name, DataType::Binary, false).into()])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(MarksAccumulator::default()))
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(Tally::empty().to_bytes())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                DocSection { include: true, label: "Scoring Functions", description: None },
                "The mergeable state that scoring starts from, over rows that are indicators of \
                 feeds, as canonical bytes.",
                "marks(prefix, fraud_type, issue [, feed [, provider [, asn]]])",
            )
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

#[derive(Debug, Default)]
struct MarksAccumulator {
    tally: Tally,
    /// Upper bound of the bytes that the tally holds: distinct marks can only be fewer.
    bytes: usize,
}

/// Bytes of one mark in a tally.
const MARK_BYTES: usize = 64;

impl Accumulator for MarksAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [prefixes, types, issues, rest @ ..] = values else {
            return exec_err!("marks takes at least {REQUIRED} arguments");
        };
        let addresses = Addresses::of(prefixes)?;
        let types = texts(types)?;
        let issues = texts(issues)?;
        let feeds = rest.first().map(texts).transpose()?;
        let providers = rest.get(1).map(texts).transpose()?;
        let asns = rest.get(2).and_then(|array| array.as_primitive_opt::<Int64Type>());
        let value = |array: Option<&StringViewArray>, row: usize| -> Option<String> {
            let array = array.filter(|array| array.is_valid(row))?;
            Some(array.value(row).to_owned()).filter(|text| !text.trim().is_empty())
        };
        for row in 0..prefixes.len() {
            let Some(label) = value(Some(issues), row) else {
                continue;
            };
            let issue = IssueId::parse(label.trim())
                .map_err(|error| exec_datafusion_err!("marks: `{label}`: {error}"))?;
            let Some(prefix) = addresses.at(row) else {
                self.tally.ingest(&issue);
                continue;
            };
            let asn = asns.filter(|asns| asns.is_valid(row)).map(|asns| {
                let asn = asns.value(row);
                u32::try_from(asn).map_err(|_| exec_datafusion_err!("marks: {asn} is no AS number"))
            });
            let indicator = Indicator {
                prefix,
                fraud_type: FraudType::new(value(Some(types), row).as_deref().unwrap_or("")),
                probability_ppm: None,
                provider: value(providers, row).map(Into::into),
                asn: asn.transpose()?,
                issue,
                row: 0,
                labels: Vec::new(),
            };
            self.tally.mark(&indicator, value(feeds, row).as_deref().unwrap_or("feed"));
            self.bytes = self.bytes.saturating_add(MARK_BYTES);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.tally.to_bytes())))
    }

    fn size(&self) -> usize {
        size_of::<Self>().saturating_add(self.bytes)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(merged("marks", &mut self.tally, states)?);
        Ok(())
    }
}

fn texts(array: &ArrayRef) -> Result<&StringViewArray> {
    array.as_string_view_opt().ok_or_else(|| exec_datafusion_err!("marks: no column of text"))
}
