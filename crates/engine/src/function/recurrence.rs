use std::sync::Arc;

use adproof_signal::{Params, Tally};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{
    Column, Result, ScalarValue, UnnestOptions, exec_datafusion_err, exec_err, plan_err,
};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDFImpl,
    Signature, Volatility, cast, ident, lit,
};

use crate::table::{blocks, columns_schema};

/// `recurrence(state [, state …])`: the blocks of merged states with their recurrence, as a table
/// of the columns of `blocks`.
///
/// Each argument is the bytes that `marks`, `tally` or `sightings` gives, mostly as a query in
/// brackets. The scoring is [`adproof_signal::score`] with default parameters, and runs when rows
/// are asked for. It is a view over [`MergeTallies`](super::MergeTallies) and [`RecurrenceRows`], so
/// that it is planned and sent to other machines as any query is.
#[derive(Debug)]
pub(crate) struct Recurrence;

/// The one column between the steps.
const STATE: &str = "state";

impl TableFunctionImpl for Recurrence {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let mut all: Option<LogicalPlanBuilder> = None;
        for expr in args.exprs() {
            let input = input(expr)?;
            all = Some(match all {
                None => input,
                Some(before) => before.union(input.build()?)?,
            });
        }
        let Some(all) = all else {
            return plan_err!(
                "recurrence takes tallies: recurrence((SELECT marks(prefix, fraud_type, issue, \
                 feed, provider, asn) FROM indicators))"
            );
        };
        let Some(state) = args.session().as_any().downcast_ref::<SessionState>() else {
            return plan_err!("recurrence needs a session of its own kind");
        };
        let merge = state.udaf("merge_tallies")?.call(vec![ident(STATE)]).alias(STATE);
        let rows = state.udf(RECURRENCE_ROWS)?.call(vec![ident(STATE)]).alias(ROW);
        let columns = blocks::COLUMNS.iter().map(|column| {
            Expr::Column(Column::from_name(format!("{ROW}.{}", column.name))).alias(column.name)
        });
        let plan = all
            .aggregate(Vec::<Expr>::new(), vec![merge])?
            .project([rows])?
            // The list, then the fields of its items.
            .unnest_column_with_options(ROW, UnnestOptions::new().with_preserve_nulls(false))?
            .unnest_column(ROW)?
            .project(columns)?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// An argument as a plan of the one column: bytes, or the query that gives them.
fn input(expr: &Expr) -> Result<LogicalPlanBuilder> {
    match expr {
        Expr::Literal(
            ScalarValue::Binary(Some(bytes))
            | ScalarValue::LargeBinary(Some(bytes))
            | ScalarValue::BinaryView(Some(bytes)),
            _,
        ) => {
            let bytes = lit(ScalarValue::Binary(Some(bytes.clone())));
            LogicalPlanBuilder::empty(true).project([bytes.alias(STATE)])
        }
        Expr::ScalarSubquery(query) if query.outer_ref_columns.is_empty() => {
            of_query(&query.subquery)
        }
        other => plan_err!(
            "recurrence takes the bytes of a tally or a query in brackets that gives them, not \
             {other}"
        ),
    }
}

fn of_query(query: &LogicalPlan) -> Result<LogicalPlanBuilder> {
    let columns = query.schema().columns();
    let [column] = columns.as_slice() else {
        return plan_err!("recurrence takes queries of one column");
    };
    let kind = query.schema().field(0).data_type();
    if !matches!(kind, DataType::Binary | DataType::LargeBinary | DataType::BinaryView) {
        return plan_err!("recurrence takes the bytes that marks and tally give, not {kind}");
    }
    let bytes = cast(Expr::Column(column.clone()), DataType::Binary).alias(STATE);
    LogicalPlanBuilder::from(query.clone()).project([bytes])
}

/// `recurrence_rows(tally) -> List<Struct>`: the blocks of a tally, a struct a row. The function
/// [`Recurrence`] is made with it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RecurrenceRows {
    signature: Signature,
}

/// Its name in a plan.
pub(crate) const RECURRENCE_ROWS: &str = "recurrence_rows";

/// The column of its rows.
const ROW: &str = "row";

impl Default for RecurrenceRows {
    fn default() -> Self {
        // Volatile, so that no optimizer scores twice, or scores while it plans.
        Self { signature: Signature::exact(vec![DataType::Binary], Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for RecurrenceRows {
    fn name(&self) -> &'static str {
        RECURRENCE_ROWS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [tallies] = args.args.as_slice() else {
            return exec_err!("{RECURRENCE_ROWS} takes a tally");
        };
        let tallies = tallies.to_array(args.number_rows)?;
        let Some(tallies) = tallies.as_binary_opt::<i32>() else {
            return exec_err!("{RECURRENCE_ROWS} takes bytes");
        };
        let (mut rows, mut lens) = (Vec::new(), Vec::new());
        for bytes in tallies {
            let Some(bytes) = bytes else {
                lens.push(0);
                continue;
            };
            let mut tally = Tally::from_bytes(bytes)
                .map_err(|error| exec_datafusion_err!("recurrence: {error}"))?;
            tally.seal();
            let scored = blocks::batch(&adproof_signal::score(&tally, &Params::default()))?;
            lens.push(scored.num_rows());
            rows.push(Arc::new(StructArray::from(scored)) as ArrayRef);
        }
        let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
        let rows = if rows.is_empty() {
            Arc::new(StructArray::new_null(fields(), 0))
        } else {
            datafusion::arrow::compute::concat(&rows)?
        };
        let lists = ListArray::try_new(item(), OffsetBuffer::from_lengths(lens), rows, None)?;
        Ok(ColumnarValue::Array(Arc::new(lists)))
    }
}

fn fields() -> datafusion::arrow::datatypes::Fields {
    columns_schema(blocks::COLUMNS).fields().clone()
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(fields()), true))
}
