//! The one place that builds a session and runs work on it.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use crate::store::Stores;
use crate::{EngineError, function};

/// Stack of a worker thread. Plans are trees that are walked by recursion, and a query of
/// [`Limits::query_bytes`] makes one of thousands of levels, each of which may take 30 KB of stack
/// in a build without optimization. Pages that are never touched cost nothing.
const STACK_BYTES: usize = 256 << 20;

/// Consumers that a message about memory names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// Bounds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of an answer. More are cut, and the answer says so.
    pub rows: usize,
    /// Bytes of a query's text.
    pub query_bytes: usize,
    /// Bytes that sorts, joins and aggregates may hold together before they spill or fail.
    pub memory_bytes: usize,
    /// Bytes of temporary files that they may spill to.
    pub spill_bytes: u64,
    /// Milliseconds that a run may take.
    pub time_ms: u64,
    /// Rows of a text file that are looked at to tell the types of its columns.
    pub inferred_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 10_000,
            query_bytes: 16 << 10,
            memory_bytes: 2 << 30,
            spill_bytes: 16 << 30,
            time_ms: 600_000,
            inferred_rows: 100_000,
        }
    }
}

/// How a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Partitions that a plan is split into, and worker threads. Results do not depend on it.
    pub partitions: NonZeroUsize,
    /// Bounds.
    pub limits: Limits,
}

impl Default for EngineOptions {
    /// One partition a core.
    fn default() -> Self {
        Self {
            partitions: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            limits: Limits::default(),
        }
    }
}

/// The session of every plan that runs here: our functions, our bounds, no table, and no stores but
/// local files and the buckets that the environment opens.
pub fn state(options: &EngineOptions) -> Result<SessionState, EngineError> {
    with_functions(builder(options, settings(SessionConfig::new(), options))?.build())
}

/// Our settings on top of those that are given.
pub(crate) fn settings(config: SessionConfig, options: &EngineOptions) -> SessionConfig {
    let mut config =
        config.with_target_partitions(options.partitions.get()).with_information_schema(true);
    // A user agent may hold a quoted line break, and a scan that splits a file at line breaks
    // would cut the row there.
    config.options_mut().catalog.newlines_in_values = true;
    config
}

/// What every session is built from, wherever its plans run.
pub(crate) fn builder(
    options: &EngineOptions,
    config: SessionConfig,
) -> Result<SessionStateBuilder, EngineError> {
    let pool = FairSpillPool::new(options.limits.memory_bytes);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, NAMED_CONSUMERS)))
        .with_max_temp_directory_size(options.limits.spill_bytes)
        .with_object_store_registry(Arc::new(Stores::default()))
        .build_arc()?;
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features())
}

/// The state with all of our functions.
pub(crate) fn with_functions(mut state: SessionState) -> Result<SessionState, EngineError> {
    function::register(&mut state)?;
    Ok(state)
}

/// Runs `work` on worker threads of its own, within the time limit.
///
/// The work itself runs on a worker, not on the calling thread: only workers have the stack that
/// planning needs, and a panic inside ends the task and not the process.
pub(crate) fn run<T, F>(options: &EngineOptions, work: F) -> Result<T, EngineError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, EngineError>> + Send + 'static,
{
    run_unless(options, work, std::future::pending())
}

/// As [`run`], until `cancelled` ends.
pub(crate) fn run_unless<T, F>(
    options: &EngineOptions,
    work: F,
    cancelled: impl Future<Output = ()>,
) -> Result<T, EngineError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, EngineError>> + Send + 'static,
{
    let runtime = runtime(options)?;
    let result = within(&runtime, options, work, cancelled);
    // A scan that is in the middle of a batch must not hold up the answer.
    runtime.shutdown_background();
    result
}

/// Worker threads.
pub(crate) fn runtime(options: &EngineOptions) -> Result<tokio::runtime::Runtime, EngineError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.partitions.get())
        .thread_stack_size(STACK_BYTES)
        .thread_name("adproof-engine")
        .enable_all()
        .build()?;
    Ok(runtime)
}

/// Runs `work` on these workers, within the time limit and until `cancelled` ends.
pub(crate) fn within<T, F>(
    runtime: &tokio::runtime::Runtime,
    options: &EngineOptions,
    work: F,
    cancelled: impl Future<Output = ()>,
) -> Result<T, EngineError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, EngineError>> + Send + 'static,
{
    let limit_ms = options.limits.time_ms;
    let result = runtime.block_on(async {
        let mut task = tokio::spawn(work);
        let ended = tokio::select! {
            ended = &mut task => Some(ended),
            () = tokio::time::sleep(Duration::from_millis(limit_ms)) => None,
            () = cancelled => {
                task.abort();
                return Err(EngineError::Cancelled);
            }
        };
        match ended {
            Some(Ok(result)) => result,
            Some(Err(join)) => Err(EngineError::Task(join.to_string())),
            None => {
                task.abort();
                Err(EngineError::Time { limit_ms })
            }
        }
    });
    match result {
        Err(EngineError::Memory { reason, .. }) => {
            Err(EngineError::Memory { limit: options.limits.memory_bytes, reason })
        }
        result => result,
    }
}
