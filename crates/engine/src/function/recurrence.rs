use std::sync::Arc;

use adproof_signal::{Params, Tally};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::collect;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use crate::table::{blocks, columns_schema};

/// `recurrence(tally [, tally …])`: the blocks of merged tallies with their recurrence, as a table
/// of the columns of `blocks`.
///
/// Each argument is the bytes that `marks` or `tally` gives, mostly as a query in brackets. The
/// scoring is [`adproof_signal::score`] with default parameters, and runs when rows are asked for.
#[derive(Debug)]
pub(crate) struct Recurrence;

impl TableFunctionImpl for Recurrence {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let inputs: Result<Vec<Input>> = args.exprs().iter().map(Input::of).collect();
        let inputs = inputs?;
        if inputs.is_empty() {
            return plan_err!(
                "recurrence takes tallies: recurrence((SELECT marks(prefix, fraud_type, issue, \
                 feed, provider, asn) FROM indicators))"
            );
        }
        let Some(state) = args.session().as_any().downcast_ref::<SessionState>() else {
            return plan_err!("recurrence needs a session of its own kind");
        };
        let schema = columns_schema(blocks::COLUMNS);
        let partition = Scored { schema: Arc::clone(&schema), inputs, state: state.clone() };
        Ok(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(partition)])?))
    }
}

/// An argument: bytes, or the query that gives them.
#[derive(Clone, Debug)]
enum Input {
    Bytes(Vec<u8>),
    Query(Arc<LogicalPlan>),
}

impl Input {
    fn of(expr: &Expr) -> Result<Self> {
        match expr {
            Expr::Literal(
                ScalarValue::Binary(Some(bytes))
                | ScalarValue::LargeBinary(Some(bytes))
                | ScalarValue::BinaryView(Some(bytes)),
                _,
            ) => Ok(Self::Bytes(bytes.clone())),
            Expr::ScalarSubquery(query) if query.outer_ref_columns.is_empty() => {
                Ok(Self::Query(Arc::clone(&query.subquery)))
            }
            other => plan_err!(
                "recurrence takes the bytes of a tally or a query in brackets that gives them, \
                 not {other}"
            ),
        }
    }
}

#[derive(Debug)]
struct Scored {
    schema: SchemaRef,
    inputs: Vec<Input>,
    state: SessionState,
}

impl PartitionStream for Scored {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (inputs, state) = (self.inputs.clone(), self.state.clone());
        let work = async move { score(inputs, &state, context).await };
        let stream = futures_util::stream::once(work);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

async fn score(
    inputs: Vec<Input>,
    state: &SessionState,
    context: Arc<TaskContext>,
) -> Result<RecordBatch> {
    let mut tally = Tally::empty();
    for input in inputs {
        match input {
            Input::Bytes(bytes) => tally = tally.merge(read(&bytes)?),
            Input::Query(query) => {
                let plan = state.create_physical_plan(&query).await?;
                for batch in collect(plan, Arc::clone(&context)).await? {
                    tally = merge(tally, &batch)?;
                }
            }
        }
    }
    tally.seal();
    blocks::batch(&adproof_signal::score(&tally, &Params::default()))
}

fn merge(mut tally: Tally, batch: &RecordBatch) -> Result<Tally> {
    let [column] = batch.columns() else {
        return exec_err!("recurrence takes queries of one column");
    };
    let is_bytes = matches!(
        column.data_type(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView
    );
    if !is_bytes {
        return exec_err!(
            "recurrence takes the bytes that marks and tally give, not {}",
            column.data_type()
        );
    }
    let column = cast(column, &DataType::BinaryView)?;
    let column = column.as_binary_view();
    for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
        tally = tally.merge(read(column.value(row))?);
    }
    Ok(tally)
}

fn read(bytes: &[u8]) -> Result<Tally> {
    Tally::from_bytes(bytes).map_err(|error| exec_datafusion_err!("recurrence: {error}"))
}
