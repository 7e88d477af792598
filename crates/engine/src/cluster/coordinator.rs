//! The process that cuts plans into stages and hands them to workers.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::create_scheduler;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use super::codec::{PlanCodec, QueryCodec};
use super::identity::Identity;
use super::{MESSAGE_BYTES, STACK_BYTES};
use crate::{EngineError, EngineOptions};

/// A worker that is silent for so long is dead, and its work is done again by others. A worker
/// calls at least every 5 s.
const SILENT_SECONDS: u64 = 12;
/// How often that is looked at.
const LOOK_SECONDS: u64 = 3;
/// What workers hold of a job that is over is removed after so long. Who asked must have fetched it.
const JOB_DATA_SECONDS: u64 = 1_800;
/// Time that a stop leaves to calls in hand.
const STOP: Duration = Duration::from_secs(3);

/// Coordinates on this address until what `stop` gives is there. `ready` is told where, once calls
/// are answered. What is known of jobs is held in memory: a job ends with its coordinator.
pub fn serve_coordinator<S: Future<Output = ()>>(
    listen: SocketAddr,
    ready: impl FnOnce(SocketAddr),
    stop: impl FnOnce() -> S,
) -> Result<(), EngineError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .thread_name("adproof-coordinator")
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let refused = |source| EngineError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        // Asked for before anybody is told, so that whoever is told may stop us at once.
        serve(listener, address, ready, stop()).await
    });
    runtime.shutdown_background();
    served
}

async fn serve(
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), EngineError> {
    let config = Arc::new(config(address)?);
    let failed = |error: ballista_core::error::BallistaError| EngineError::Query(error.to_string());
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config);
    let scheduler = scheduler.await.map_err(failed)?;
    let bytes = usize::try_from(MESSAGE_BYTES).unwrap_or(usize::MAX);
    let calls = SchedulerGrpcServer::new(scheduler)
        .max_decoding_message_size(bytes)
        .max_encoding_message_size(bytes);
    let here = Identity::here()?;
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = Server::builder()
        .tcp_nodelay(true)
        .add_service(InterceptedService::new(calls, move |request| admit(&here, request)))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
            // Also a sender that is gone means to stop.
            let _ = stopped.await;
        });
    ready(address);
    let stop = async {
        stop.await;
        // Nobody listens any more where serving failed first.
        let _ = stopping.send(());
        tokio::time::sleep(STOP).await;
    };
    tokio::select! {
        served = serving => served.map_err(|error| EngineError::Query(super::root(&error))),
        () = stop => Ok(()),
    }
}

/// Lets only those call who are as we are.
fn admit(here: &Identity, request: Request<()>) -> Result<Request<()>, Status> {
    let said = request.metadata().get("user-agent").and_then(|value| value.to_str().ok());
    match here.refusal(said.and_then(Identity::read).as_ref()) {
        None => Ok(request),
        Some(reason) => Err(Status::failed_precondition(reason)),
    }
}

fn config(address: SocketAddr) -> Result<SchedulerConfig, EngineError> {
    // Fails here and not within the first job.
    super::state(super::settings(&EngineOptions::default()))?;
    Ok(SchedulerConfig {
        bind_host: address.ip().to_string(),
        external_host: address.ip().to_string(),
        bind_port: address.port(),
        // Workers ask for work, so that nobody has to reach them but who fetches what they made.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: SILENT_SECONDS,
        expire_dead_executor_interval_seconds: LOOK_SECONDS,
        no_executors_grace_period_seconds: 5 * SILENT_SECONDS,
        finished_job_data_clean_up_interval_seconds: JOB_DATA_SECONDS,
        finished_job_state_clean_up_interval_seconds: 2 * JOB_DATA_SECONDS,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES,
        grpc_client_max_message_size: MESSAGE_BYTES,
        override_config_producer: Some(Arc::new(|| super::settings(&EngineOptions::default()))),
        override_session_builder: Some(Arc::new(|config| {
            super::state(config).map_err(|error| {
                datafusion::common::exec_datafusion_err!("the session cannot be built: {error}")
            })
        })),
        override_logical_codec: Some(Arc::new(QueryCodec::default())),
        override_physical_codec: Some(Arc::new(PlanCodec::default())),
        ..SchedulerConfig::default()
    })
}
