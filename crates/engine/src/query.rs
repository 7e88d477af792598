//! `adproof sql`: one read-only query over named files.

use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;

use crate::answer::Answer;
use crate::source::Table;
use crate::{EngineError, EngineOptions, Limits, session};

/// Answers one query over the tables.
///
/// Nothing is written but temporary files, and nothing is read but the files of the tables: the
/// statement must be a query, `EXPLAIN` of one, or `SHOW` of tables, columns or functions.
pub fn sql(query: &str, tables: &[Table], options: &EngineOptions) -> Result<Answer, EngineError> {
    let (query, tables, options) = (query.to_owned(), tables.to_vec(), *options);
    session::run(&options.clone(), async move {
        answer(session::state(&options)?, &query, &tables, &options.limits).await
    })
}

/// Answers one query over the tables in a session, wherever that runs its plans.
pub(crate) async fn answer(
    state: SessionState,
    query: &str,
    tables: &[Table],
    limits: &Limits,
) -> Result<Answer, EngineError> {
    if query.len() > limits.query_bytes {
        return Err(EngineError::QueryLength { bytes: query.len(), limit: limits.query_bytes });
    }
    // Refused before any file is opened.
    let statement = readable(&state, query)?;
    let context = SessionContext::new_with_state(state);
    for table in tables {
        let provider = table.open(&context.state(), limits).await?;
        if context.table_exist(table.name())? {
            return Err(EngineError::DuplicateTable { name: table.name().to_owned() });
        }
        context.register_table(table.name(), provider)?;
    }
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
