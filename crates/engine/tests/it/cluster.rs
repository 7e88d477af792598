//! Who may take part in a cluster.

use std::sync::mpsc;

use adproof_engine::cluster::{Coordinator, serve_coordinator};
use adproof_engine::{Catalog, EngineOptions, Limits};
use ballista_core::serde::protobuf::GetJobStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::utils::create_grpc_client_endpoint;

#[test]
fn only_processes_of_this_version_and_these_functions_may_call_a_coordinator() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (ready, address) = mpsc::channel();
    let coordinator = std::thread::spawn(move || {
        let told = |address| ready.send(address).unwrap();
        let stopped = || async { stopped.await.unwrap_or(()) };
        serve_coordinator("127.0.0.1:0".parse().unwrap(), told, stopped)
    });
    let address = address.recv().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = |says: Option<&'static str>| {
        runtime.block_on(async {
            let endpoint = create_grpc_client_endpoint(format!("http://{address}"), None).unwrap();
            let endpoint = match says {
                Some(says) => endpoint.user_agent(says).unwrap(),
                None => endpoint,
            };
            let mut client = SchedulerGrpcClient::new(endpoint.connect().await.unwrap());
            let job = GetJobStatusParams { job_id: "none".to_owned() };
            client.get_job_status(job).await.unwrap_err()
        })
    };
    for (caller, says) in [
        (None, "only adproof"),
        (Some("somebody/1.0"), "the caller is no adproof"),
        (Some("adproof/0.0.0 (tally)"), "the caller is adproof 0.0.0"),
        (Some(concat!("adproof/", env!("CARGO_PKG_VERSION"), " (tally)")), "lacks asn"),
    ] {
        let status = call(caller);
        assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{caller:?}");
        assert!(status.message().contains(says), "{caller:?}: {}", status.message());
    }

    // One of ours is let in; without a worker its query waits until its time is over.
    let here: Coordinator = format!("df://{address}").parse().unwrap();
    let limits = Limits { time_ms: 1_500, ..Limits::default() };
    let options = EngineOptions { limits, ..EngineOptions::default() };
    let waited = adproof_engine::cluster::sql(
        &here,
        "SELECT 1 AS one",
        &Catalog::default(),
        &options,
        std::future::pending(),
    );
    let is_time = matches!(waited, Err(adproof_engine::EngineError::Time { limit_ms: 1_500 }));
    assert!(is_time, "{waited:?}");
    stop.send(()).unwrap();
    coordinator.join().unwrap().unwrap();
}
