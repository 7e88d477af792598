//! How the reading of logs travels to a worker.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use super::logs::{LogsExec, Order};

/// Writes and reads the operators of a plan that DataFusion does not know: Ballista's own, and
/// [`LogsExec`].
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
        Ok(Arc::new(LogsExec::new(order, marks.into())))
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
}
