//! The tables `events` and `rejects` over event logs of any format.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};

use super::{ColumnDoc, Kind};
use crate::error::EngineError;
use crate::events;
use crate::function::{EVENT_FIELD, EVENT_ROW, REJECT_FIELDS, SEPARATOR};
use crate::session::Limits;
use crate::source::File;

/// The columns of `events`, in the order of [`event_schema`](crate::event_schema).
pub(super) const EVENTS: &[ColumnDoc] = &[
    ColumnDoc::new("id", Kind::Text, "unique in the log"),
    ColumnDoc::new("leg", Kind::Text, "request, network, creative, vast, execution or billing"),
    ColumnDoc::new("observer", Kind::Text, "who saw it"),
    ColumnDoc::new("time", Kind::Time, "when it happened, by the observer's clock"),
    ColumnDoc::new("received", Kind::Time, "when the log received it"),
    ColumnDoc::new("transaction", Kind::Text, "the transaction (OpenRTB source.tid)"),
    ColumnDoc::new("impression", Kind::Text, "the impression within it"),
    ColumnDoc::new("ip", Kind::Text, "the address that the observer saw"),
    ColumnDoc::new("ua", Kind::Text, "the user agent"),
    ColumnDoc::new("ifa", Kind::Text, "the advertising id of the device"),
    ColumnDoc::new("bundle", Kind::Text, "the app or the site"),
    ColumnDoc::new("withheld", Kind::Text, "redacted or refused, where the leg is withheld"),
    ColumnDoc::new("ssai", Kind::Int, "request: OpenRTB imp.ssai, 0 to 3"),
    ColumnDoc::new("asn", Kind::Int, "network: the autonomous system"),
    ColumnDoc::new("shared_egress", Kind::Bool, "network: a relay, NAT64 or public proxy"),
    ColumnDoc::new("creative", Kind::Text, "creative: its id"),
    ColumnDoc::new("price_micros", Kind::Int, "creative: the clearing price, in micro-units"),
    ColumnDoc::new("currency", Kind::Text, "creative and billing: ISO 4217"),
    ColumnDoc::new("tag", Kind::Text, "vast: the tag's name"),
    ColumnDoc::new("outcome", Kind::Text, "execution: started, completed or failed"),
    ColumnDoc::new("error", Kind::Int, "execution: the VAST error code"),
    ColumnDoc::new("played_ms", Kind::Int, "execution: milliseconds played"),
    ColumnDoc::new("amount_micros", Kind::Int, "billing: the amount, in micro-units"),
];

/// The columns of `rejects`.
pub(super) const REJECTS: &[ColumnDoc] = &[
    ColumnDoc::new("path", Kind::Text, "the log"),
    ColumnDoc::new("column", Kind::Text, "the column"),
    ColumnDoc::new("value", Kind::Text, "its value, cut to a bounded length"),
    ColumnDoc::new("reason", Kind::Text, "why the row is no event"),
];

/// Which rows of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Events,
    Rejects,
}

/// The rows of logs, judged one by one: a view over the files, so that it is planned, split and
/// sent to other machines as they are.
pub(super) async fn open(
    paths: &[PathBuf],
    side: Side,
    state: &SessionState,
    limits: &Limits,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let mut whole: Option<LogicalPlanBuilder> = None;
    for path in paths {
        let rows = LogicalPlanBuilder::from(of_file(path, side, state, limits).await?);
        whole = Some(match whole {
            None => rows,
            Some(before) => before.union(rows.build()?)?,
        });
    }
    let Some(whole) = whole else {
        return Err(EngineError::NoFile { table: "events".to_owned() });
    };
    Ok(Arc::new(ViewTable::new(whole.build()?, None)))
}

async fn of_file(
    path: &Path,
    side: Side,
    state: &SessionState,
    limits: &Limits,
) -> Result<LogicalPlan, EngineError> {
    let file = File::locate(path).await?;
    let (names, table) = events::open(&file, state, limits).await?;
    let mut arguments = vec![lit(names.join(&SEPARATOR.to_string()))];
    arguments.extend(names.iter().map(ident));
    let judged = state.udf(EVENT_ROW)?.call(arguments).alias("row");
    let [column, value, reason] = REJECT_FIELDS;
    let get = state.udf(EVENT_FIELD)?;
    let of_row = |field: &str| get.call(vec![ident("row"), lit(field)]);
    let is_reject = of_row(reason).is_not_null();
    let (wanted, taken): (Expr, Vec<Expr>) = match side {
        Side::Events => {
            let taken = EVENTS.iter().map(|one| of_row(one.name).alias(one.name));
            (of_row("id").is_not_null(), taken.collect())
        }
        Side::Rejects => {
            let place = lit(path.display().to_string()).alias("path");
            let told = [(column, "column"), (value, "value"), (reason, "reason")];
            let told = told.map(|(field, name)| of_row(field).alias(name));
            (is_reject, std::iter::once(place).chain(told).collect())
        }
    };
    let source = provider_as_source(table);
    let plan = LogicalPlanBuilder::scan("log", source, None)?
        .project([judged])?
        .filter(wanted)?
        .project(taken)?;
    Ok(plan.build()?)
}
