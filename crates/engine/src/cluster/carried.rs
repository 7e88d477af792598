//! Small tables whose rows travel with the query, because only who asks can read them.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::{Result, TableReference, exec_err, plan_err};
use datafusion::datasource::TableType;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use super::MESSAGE_BYTES;

/// Rows of a table that were read where the query was asked.
#[derive(Debug)]
pub(crate) struct Carried {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

/// Bytes of rows that a query may carry: every task of a stage that reads them gets them.
const CARRIED_BYTES: usize = 16 << 20;
const _: () = assert!(CARRIED_BYTES < MESSAGE_BYTES as usize);

impl Carried {
    /// Reads a table to its end, here.
    pub(crate) async fn of(table: Arc<dyn TableProvider>) -> Result<Self> {
        let schema = table.schema();
        let batches = SessionContext::new().read_table(table)?.collect().await?;
        Ok(Self { schema, batches })
    }

    pub(super) fn to_bytes(&self, table: &TableReference, buf: &mut Vec<u8>) -> Result<()> {
        let before = buf.len();
        let mut writer = StreamWriter::try_new(&mut *buf, &self.schema)?;
        for batch in &self.batches {
            writer.write(batch)?;
        }
        writer.finish()?;
        drop(writer);
        let bytes = buf.len() - before;
        if bytes > CARRIED_BYTES {
            return plan_err!(
                "the table `{table}` has {bytes} bytes, and a query carries {CARRIED_BYTES} to a \
                 cluster: write it to a file that all machines can open, and name that"
            );
        }
        Ok(())
    }

    pub(super) fn from_bytes(bytes: &[u8], schema: SchemaRef) -> Result<Self> {
        let reader = StreamReader::try_new(bytes, None)?;
        if reader.schema() != schema {
            return exec_err!("the rows of a table are of other columns than the query says");
        }
        let batches = reader.collect::<std::result::Result<_, _>>()?;
        Ok(Self { schema, batches })
    }
}

#[async_trait::async_trait]
impl TableProvider for Carried {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![self.batches.clone()])?;
        table.scan(state, projection, filters, limit).await
    }
}
