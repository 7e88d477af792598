//! How plans travel: the operators, functions and tables that DataFusion does not know.

use std::sync::Arc;

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, TableReference, exec_datafusion_err};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan, ScalarUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use super::carried::Carried;
use super::logs::{LogsExec, Order};
use crate::function::AsnOfAddress;

/// What a function carries beside its name.
fn write_function(function: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
    if let Some(asn) = function.inner().downcast_ref::<AsnOfAddress>()
        && let Some(bytes) = asn.to_bytes()?
    {
        buf.extend_from_slice(&bytes);
    }
    Ok(())
}

/// A function that carries something beside its name.
fn read_function(name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
    if name != "asn" || buf.is_empty() {
        return Err(exec_datafusion_err!("there is no function {name}"));
    }
    Ok(Arc::new(ScalarUDF::from(AsnOfAddress::from_bytes(buf)?)))
}

/// Writes and reads what a query holds.
#[derive(Debug, Default)]
pub(super) struct QueryCodec {
    others: BallistaLogicalExtensionCodec,
}

impl LogicalExtensionCodec for QueryCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[LogicalPlan],
        ctx: &TaskContext,
    ) -> Result<Extension> {
        self.others.try_decode(buf, inputs, ctx)
    }

    fn try_encode(&self, node: &Extension, buf: &mut Vec<u8>) -> Result<()> {
        self.others.try_encode(node, buf)
    }

    fn try_decode_table_provider(
        &self,
        buf: &[u8],
        _: &TableReference,
        schema: SchemaRef,
        _: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(Carried::from_bytes(buf, schema)?))
    }

    fn try_encode_table_provider(
        &self,
        table: &TableReference,
        node: Arc<dyn TableProvider>,
        buf: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(carried) = node.downcast_ref::<Carried>() else {
            return Err(exec_datafusion_err!("the table `{table}` cannot be sent to a cluster"));
        };
        carried.to_bytes(table, buf)
    }

    fn try_decode_file_format(
        &self,
        buf: &[u8],
        ctx: &TaskContext,
    ) -> Result<Arc<dyn FileFormatFactory>> {
        self.others.try_decode_file_format(buf, ctx)
    }

    fn try_encode_file_format(
        &self,
        buf: &mut Vec<u8>,
        node: Arc<dyn FileFormatFactory>,
    ) -> Result<()> {
        self.others.try_encode_file_format(buf, node)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        read_function(name, buf)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        write_function(node, buf)
    }
}

/// Writes and reads what a stage holds: Ballista's own operators, and [`LogsExec`].
#[derive(Debug, Default)]
pub(super) struct PlanCodec {
    others: BallistaPhysicalExtensionCodec,
}

/// What the bytes of a [`LogsExec`] begin with. Ballista's are protocol buffers, whose first byte
/// is never 0.
const MAGIC: &[u8] = b"\0adproof logs\0";

impl PhysicalExtensionCodec for PlanCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(rest) = buf.strip_prefix(MAGIC) else {
            return self.others.try_decode(buf, inputs, ctx, proto_converter);
        };
        let cut = || exec_datafusion_err!("the order to read logs was cut on its way");
        let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        let (order, marks) = rest.split_at_checked(len).ok_or_else(cut)?;
        let order: Order = serde_json::from_slice(order)
            .map_err(|error| exec_datafusion_err!("the order to read logs is wrong: {error}"))?;
        let [tasks] = inputs else { return Err(cut()) };
        Ok(Arc::new(LogsExec::over(Arc::clone(tasks), Arc::new(order), marks.into())))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(logs) = node.downcast_ref::<LogsExec>() else {
            return self.others.try_encode(node, buf, proto_converter);
        };
        let wrong = |error: &dyn std::fmt::Display| {
            exec_datafusion_err!("the order to read logs cannot be sent: {error}")
        };
        let order = serde_json::to_vec(logs.order()).map_err(|error| wrong(&error))?;
        let len = u32::try_from(order.len()).map_err(|error| wrong(&error))?;
        buf.extend_from_slice(MAGIC);
        buf.extend_from_slice(&len.to_be_bytes());
        buf.extend_from_slice(&order);
        buf.extend_from_slice(logs.marks());
        Ok(())
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        read_function(name, buf)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        write_function(node, buf)
    }
}
