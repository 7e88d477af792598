//! The process that runs the stages of others' plans.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;

use super::codec::{PlanCodec, QueryCodec};
use super::identity::Identity;
use super::{Coordinator, MESSAGE_BYTES, STACK_BYTES};
use crate::store::Stores;
use crate::{EngineError, EngineOptions};

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Whose work it does.
    pub coordinator: Coordinator,
    /// Where others fetch what it made; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The host by which others reach it, where that is not the address it listens on.
    pub reachable_as: Option<String>,
    /// The folder for what it makes. A folder of its own is made in it and removed in the end.
    pub work: PathBuf,
    /// Bytes that the sorts, joins and groups of all its tasks may hold together.
    pub memory_bytes: u64,
    /// Tasks that run at once.
    pub threads: NonZeroUsize,
    /// Seconds after which what it made for a job is removed, also when nobody says that the job is
    /// over.
    pub job_data_seconds: u64,
}

/// Works until the process is asked to stop (SIGTERM, ctrl-c), which what `stop` gives tells, too.
/// `ready` is told where, before the first task.
///
/// Threads that run tasks have the stack that the environment's `RUST_MIN_STACK` says; give them
/// [`STACK_BYTES`].
pub fn serve_worker<S: Future<Output = ()> + Send + 'static>(
    options: &WorkerOptions,
    ready: impl FnOnce(SocketAddr),
    stop: impl FnOnce() -> S,
) -> Result<(), EngineError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .thread_name("adproof-worker")
        .enable_all()
        .build()?;
    let worked = runtime.block_on(async { work(options, ready, stop()).await });
    runtime.shutdown_background();
    worked
}

async fn work(
    options: &WorkerOptions,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), EngineError> {
    let unusable = |source| EngineError::WorkDir { path: options.work.clone(), source };
    // A folder of its own: what is in it is removed when the worker stops.
    let folder = folder(&options.work).map_err(unusable)?;
    let identity = Identity::here()?;
    options.coordinator.greet(&identity).await?;
    let address = free(options.listen)?;
    let reachable = options.reachable_as.clone().unwrap_or_else(|| host(address));
    let text = folder.path().to_str().map(str::to_owned);
    let text = text.ok_or_else(|| unusable(io::ErrorKind::InvalidFilename.into()))?;
    let session = super::state(super::settings(&EngineOptions::default()))?;
    let spill = folder.path().to_owned();
    let config = ExecutorProcessConfig {
        bind_host: host(address),
        external_host: Some(reachable),
        port: address.port(),
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        scheduler_host: options.coordinator.host.clone(),
        scheduler_port: options.coordinator.port,
        vcores: options.threads.get(),
        work_dir: Some(text),
        job_data_ttl_seconds: options.job_data_seconds,
        job_data_clean_up_interval_seconds: options.job_data_seconds.clamp(1, 60),
        grpc_max_decoding_message_size: MESSAGE_BYTES,
        grpc_max_encoding_message_size: MESSAGE_BYTES,
        memory_pool_size: Some(options.memory_bytes),
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&session))),
        override_config_producer: Some(Arc::new(|| super::settings(&EngineOptions::default()))),
        override_runtime_producer: Some(Arc::new(move |_| {
            RuntimeEnvBuilder::new()
                .with_temp_file_path(spill.clone())
                .with_object_store_registry(Arc::new(Stores::default()))
                .build_arc()
        })),
        override_logical_codec: Some(Arc::new(QueryCodec::default())),
        override_physical_codec: Some(Arc::new(PlanCodec::default())),
        override_create_grpc_client_endpoint: Some(identity.signing()),
        ..ExecutorProcessConfig::default()
    };
    let stopping = tokio::spawn(stop);
    ready(address);
    start_executor_process(Arc::new(config))
        .await
        .map_err(|error| options.coordinator.missing(error))?;
    // It also ends, without an error, when it cannot serve what it made.
    if stopping.is_finished() {
        Ok(())
    } else {
        let source = io::ErrorKind::AddrInUse.into();
        Err(EngineError::Listen { address, source })
    }
}

fn folder(work: &Path) -> io::Result<tempfile::TempDir> {
    std::fs::create_dir_all(work)?;
    tempfile::Builder::new().prefix("adproof-worker-").tempdir_in(work)
}

/// The address with a port that nobody has. Who serves it binds it by itself a moment later.
fn free(listen: SocketAddr) -> Result<SocketAddr, EngineError> {
    TcpListener::bind(listen)
        .and_then(|listener| listener.local_addr())
        .map_err(|source| EngineError::Listen { address: listen, source })
}

/// As it stands in a URL and before a port.
fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
