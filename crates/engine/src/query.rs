//! `adproof sql`: read-only queries over what was named.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::catalog::SchemaProvider as _;
use datafusion::dataframe::DataFrame;
use datafusion::execution::FunctionRegistry as _;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;

use crate::answer::{Answer, Column};
use crate::function::{AsnOfAddress, EventRow};
use crate::source::Table;
use crate::table::{Catalog, Lazy};
use crate::{EngineError, EngineOptions, Limits, function, session};

/// Answers one query over files.
///
/// Nothing is written but temporary files, and nothing is read but the files of the tables that
/// the query names: the statement must be a query, `EXPLAIN` of one, or `SHOW` of tables, columns
/// or functions.
pub fn sql(query: &str, tables: &[Table], options: &EngineOptions) -> Result<Answer, EngineError> {
    let mut catalog = Catalog::default();
    for table in tables {
        catalog.add_files(table.clone())?;
    }
    Session::open(catalog, options)?.answer(query)
}

/// Answers queries over a catalog, one after the other. Tables stay open in between.
pub struct Session {
    runtime: Option<tokio::runtime::Runtime>,
    context: SessionContext,
    tables: Arc<Lazy>,
    rejected: Arc<AtomicBool>,
    options: EngineOptions,
}

impl Session {
    /// A session over what the catalog names. Nothing is opened yet.
    pub fn open(catalog: Catalog, options: &EngineOptions) -> Result<Self, EngineError> {
        let (context, rejected) = equipped(session::state(options)?, &catalog)?;
        let tables = hold(&context, catalog, options.limits)?;
        let runtime = Some(session::runtime(options)?);
        Ok(Self { runtime, context, tables, rejected, options: *options })
    }

    /// Answers one query.
    pub fn answer(&self, query: &str) -> Result<Answer, EngineError> {
        self.answer_unless(query, std::future::pending())
    }

    /// Answers one query, unless `cancelled` comes to its end first. It is polled where timers and
    /// signals work.
    pub fn answer_unless(
        &self,
        query: &str,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Answer, EngineError> {
        self.rejected.store(false, Ordering::Relaxed);
        let (query, options) = (query.to_owned(), self.options);
        let context = self.context.clone();
        let mut answer =
            self.run(async move { answer_in(&context, &query, &options.limits).await }, cancelled)?;
        answer.rejects = self.rejected.load(Ordering::Relaxed);
        Ok(answer)
    }

    /// The columns of a table; none where there is no such table.
    pub fn columns(&self, table: &str) -> Result<Option<Vec<Column>>, EngineError> {
        let (tables, name) = (Arc::clone(&self.tables), table.to_owned());
        let work = async move {
            let Some(table) = tables.table(&name).await? else {
                return Ok(None);
            };
            let schema = table.schema();
            let columns = schema.fields().iter().map(|field| Column {
                name: field.name().clone(),
                data_type: field.data_type().to_string(),
            });
            Ok(Some(columns.collect()))
        };
        self.run(work, std::future::pending())
    }

    /// The names of all functions: ours and those of SQL.
    #[must_use]
    pub fn functions(&self) -> Vec<String> {
        let state = self.context.state();
        let scalar = state.scalar_functions().keys();
        let mut names: Vec<String> = scalar
            .chain(state.aggregate_functions().keys())
            .chain(state.window_functions().keys())
            .chain(state.table_functions().keys())
            .filter(|name| !function::INTERNAL.contains(&name.as_str()))
            .cloned()
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
        cancelled: impl Future<Output = ()>,
    ) -> Result<T, EngineError> {
        let Some(runtime) = &self.runtime else {
            return Err(EngineError::Cancelled);
        };
        session::within(runtime, &self.options, work, cancelled)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("tables", &self.tables).finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A scan that is in the middle of a batch must not hold up who waits for the end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Answers one query over a catalog on a cluster, whose session this is.
#[cfg(feature = "cluster")]
pub(crate) async fn answer(
    state: SessionState,
    query: &str,
    catalog: Catalog,
    limits: &Limits,
) -> Result<Answer, EngineError> {
    let (context, _) = equipped(state, &catalog)?;
    hold(&context, catalog.carried(), *limits)?;
    answer_in(&context, query, limits).await
}

/// A session with the functions that know a catalog, and a flag that is set when a row of its logs
/// is no event.
pub(crate) fn equipped(
    mut state: SessionState,
    catalog: &Catalog,
) -> Result<(SessionContext, Arc<AtomicBool>), EngineError> {
    if let Some((table, path)) = &catalog.asn {
        let function = AsnOfAddress::new(Arc::clone(table));
        let function = match path {
            Some(path) => function.at(path),
            None => function,
        };
        state.register_udf(Arc::new(ScalarUDF::from(function)))?;
    }
    let (function, rejected) = EventRow::watched();
    state.register_udf(Arc::new(ScalarUDF::from(function)))?;
    let recurrence = function::table_function();
    let context = SessionContext::new_with_state(state);
    context.register_udtf(recurrence.name(), Arc::clone(recurrence.function()));
    Ok((context, rejected))
}

/// Makes what a catalog names the tables of a session.
pub(crate) fn hold(
    context: &SessionContext,
    catalog: Catalog,
    limits: Limits,
) -> Result<Arc<Lazy>, EngineError> {
    let state = context.state();
    let names = &state.config_options().catalog;
    let tables = Arc::new(Lazy::new(catalog, state.clone(), limits));
    if let Some(home) = context.catalog(&names.default_catalog) {
        home.register_schema(&names.default_schema, Arc::clone(&tables) as _)?;
    }
    Ok(tables)
}

async fn answer_in(
    context: &SessionContext,
    query: &str,
    limits: &Limits,
) -> Result<Answer, EngineError> {
    if query.len() > limits.query_bytes {
        return Err(EngineError::QueryLength { bytes: query.len(), limit: limits.query_bytes });
    }
    // Refused before any file is opened.
    let statement = readable(&context.state(), query)?;
    let plan = context.state().statement_to_plan(statement).await?;
    // What the parser takes for a query may still write: SELECT … INTO.
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|_| EngineError::Refused { statement: "SELECT … INTO".to_owned() })?;
    let bounded = !matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    );
    let mut frame = DataFrame::new(context.state(), plan);
    if bounded {
        // One more than is kept tells whether there are more.
        frame = frame.limit(0, Some(limits.rows.saturating_add(1)))?;
    }
    let schema = frame.schema().as_arrow().clone();
    let batches = frame.collect().await?;
    Answer::of(&schema, &batches, limits.rows)
}

/// Parses the query and refuses every statement that is not on the list of those that only read.
fn readable(state: &SessionState, query: &str) -> Result<Statement, EngineError> {
    let dialect = state.config_options().sql_parser.dialect;
    let statement = state.sql_to_statement(query, &dialect)?;
    if reads(&statement) { Ok(statement) } else { Err(refused(query)) }
}

fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => ast_reads(statement),
        Statement::Explain(explain) => reads(&explain.statement),
        _ => false,
    }
}

fn ast_reads(statement: &ast::Statement) -> bool {
    match statement {
        ast::Statement::Query(_)
        | ast::Statement::ExplainTable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. }
        | ast::Statement::ShowFunctions { .. } => true,
        ast::Statement::Explain { statement, .. } => ast_reads(statement),
        _ => false,
    }
}

/// The first two words name a statement: CREATE TABLE, COPY (…, SET ….
fn refused(query: &str) -> EngineError {
    let words: Vec<&str> = query.split_whitespace().take(2).collect();
    let statement: String = words.join(" ").chars().take(40).collect();
    EngineError::Refused { statement }
}
