//! The same plans on many machines: Ballista's scheduler and executor in our process.
//!
//! A coordinator cuts plans into stages, workers run them, and whoever asks gets the rows from the
//! workers. All have the session that [`crate::session`] builds, with our functions, and say with
//! every call who they are; others are refused. Inputs are files that all can open under the same
//! path.
//!
//! - [`serve_coordinator`] and [`serve_worker`] run until they are told to stop.
//! - [`sql`] answers a query as [`crate::Session`] does.
//! - [`traffic()`] reads logs of traffic: each worker reads logs, and pieces of large ones, by the
//!   kernel that also reads them locally, and gives tallies in parts by network; equal parts are
//!   merged on the workers.

pub(crate) mod carried;
mod codec;
mod coordinator;
mod identity;
#[cfg(test)]
mod law;
mod logs;
#[cfg(test)]
mod served;
mod traffic;
mod worker;

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::extension::{SessionConfigExt, SessionStateExt};
use ballista_core::serde::protobuf::GetJobStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::utils::create_grpc_client_endpoint;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use tonic::Code;

use self::codec::QueryCodec;
pub use self::coordinator::serve_coordinator;
use self::identity::Identity;
pub use self::traffic::{Traffic, TrafficOptions, traffic};
pub use self::worker::{WorkerOptions, serve_worker};
use crate::{Answer, Catalog, EngineError, EngineOptions, query, session};

/// Stack of a thread that runs or plans work for others.
pub const STACK_BYTES: usize = 32 << 20;

/// Bytes of one message between processes. One part of a tally is one message, and
/// [`traffic`] makes parts of a few megabytes.
const MESSAGE_BYTES: u32 = 256 << 20;

/// Time for a connection to a coordinator.
const CONNECT: Duration = Duration::from_secs(5);

/// Where a coordinator is: `df://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinator {
    host: String,
    port: u16,
}

/// The text is no `df://host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a coordinator is written df://host:port, such as df://10.0.0.5:50050")]
pub struct CoordinatorParseError;

impl FromStr for Coordinator {
    type Err = CoordinatorParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = url::Url::parse(text).map_err(|_| CoordinatorParseError)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(CoordinatorParseError)?;
        let plain = matches!(url.path(), "" | "/")
            && (url.query(), url.fragment()) == (None, None)
            && url.username().is_empty()
            && url.password().is_none();
        if url.scheme() != "df" || !plain {
            return Err(CoordinatorParseError);
        }
        Ok(Self { host: host.to_owned(), port: url.port().ok_or(CoordinatorParseError)? })
    }
}

impl fmt::Display for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

impl Coordinator {
    fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    fn missing(&self, reason: impl fmt::Display) -> EngineError {
        EngineError::NoCoordinator { coordinator: self.to_string(), reason: reason.to_string() }
    }

    /// Asks the coordinator whether this process may take part.
    async fn greet(&self, identity: &Identity) -> Result<(), EngineError> {
        let endpoint = create_grpc_client_endpoint(self.url(), None)
            .and_then(|endpoint| endpoint.connect_timeout(CONNECT).user_agent(identity.to_string()))
            .map_err(|error| self.missing(root(&error)))?;
        let channel = endpoint.connect().await.map_err(|error| self.missing(root(&error)))?;
        let nothing = GetJobStatusParams { job_id: String::new() };
        match SchedulerGrpcClient::new(channel).get_job_status(nothing).await {
            Err(status) if status.code() == Code::FailedPrecondition => Err(EngineError::Differs {
                coordinator: self.to_string(),
                reason: status.message().to_owned(),
            }),
            // An answer of the coordinator, whatever it thinks of the job without a name.
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::Internal => Ok(()),
            Err(status) => Err(self.missing(status.message())),
        }
    }

    /// A session whose plans run on the cluster.
    async fn session(&self, options: &EngineOptions) -> Result<SessionState, EngineError> {
        let identity = Identity::here()?;
        self.greet(&identity).await?;
        let config = settings(options)
            .with_ballista_grpc_client_max_message_size(
                usize::try_from(MESSAGE_BYTES).unwrap_or(usize::MAX),
            )
            .with_ballista_override_create_grpc_client_endpoint(identity.signing())
            .with_ballista_logical_extension_codec(Arc::new(QueryCodec::default()));
        let state = session::builder(options, config)?.build().upgrade_for_ballista(self.url())?;
        session::with_functions(state)
    }
}

/// Our settings on top of what plans need to be cut into stages.
fn settings(options: &EngineOptions) -> SessionConfig {
    session::settings(SessionConfig::new_with_ballista(), options)
}

/// The state in which coordinator and workers plan and run.
fn state(config: SessionConfig) -> Result<SessionState, EngineError> {
    let rules = ballista_core::optimizer::ballista_default_optimizer_rules();
    let builder = session::builder(&EngineOptions::default(), config)?;
    session::with_functions(builder.with_optimizer_rules(rules).build())
}

/// Answers one query over a catalog as [`crate::Session`] does, on the workers of a cluster. Files
/// and event logs are opened by the workers under the same paths, and so is what `asn` looks into.
/// Rows that somebody else reads are read here and travel with the query. Nobody waits for
/// the job any more once `cancelled` comes to its end.
pub fn sql(
    coordinator: &Coordinator,
    query: &str,
    catalog: &Catalog,
    options: &EngineOptions,
    cancelled: impl Future<Output = ()>,
) -> Result<Answer, EngineError> {
    let (coordinator, query, catalog) = (coordinator.clone(), query.to_owned(), catalog.clone());
    let options = *options;
    let work = async move {
        let state = coordinator.session(&options).await?;
        let answer = query::answer(state, &query, catalog, &options.limits).await;
        answer.map_err(|error| coordinator.failed(error))
    };
    session::run_unless(&options, work, cancelled)
}

impl Coordinator {
    /// What a job's failure says, without the transport's account of it.
    fn failed(&self, error: EngineError) -> EngineError {
        let EngineError::Query(text) = error else { return error };
        EngineError::Cluster { coordinator: self.to_string(), reason: plain(&text) }
    }
}

/// The last of the reasons, which is the one that names a file or a value.
fn root(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// A failed job's text without the names of the layers that it went through.
fn plain(text: &str) -> String {
    let layers = [
        "Execution error: ",
        "External error: ",
        "DataFusion error: ",
        "Arrow error: ",
        "Object Store error: ",
        "Generic S3 error: ",
        "DataFusionError(",
    ];
    // What was said deep within stands in a list of causes, in which texts are quoted; and an error
    // of ours is none of DataFusion's.
    let deep = text.rsplit_once("Execution(\"").and_then(|(_, rest)| rest.split("\")").next());
    let text = deep.unwrap_or(text);
    let text = text.split("\nThis issue was likely caused by a bug in DataFusion").next();
    let mut text = text.unwrap_or_default().trim();
    while let Some(rest) = layers.iter().find_map(|layer| text.strip_prefix(layer)) {
        text = rest;
    }
    text.chars().take(2_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_it_is_and_not_where_it_came_by() {
        let table = "the table `generate_series()` cannot be sent to a cluster";
        let wrapped = format!(
            "Internal error: failed to serialize logical plan: Context(\"Error serializing custom \
             table at /a/registry/mod.rs:1\", Execution(\"{table}\")).\nThis issue was likely \
             caused by a bug in DataFusion's code. Please help"
        );
        assert_eq!(plain(&wrapped), table);
        assert_eq!(plain("Execution error: External error: no f(\"x\") here"), "no f(\"x\") here");
        assert_eq!(plain("a.csv: no such file (os error 2)"), "a.csv: no such file (os error 2)");
    }

    #[test]
    fn a_coordinator_is_a_host_and_a_port() {
        for text in ["df://127.0.0.1:50050", "df://[::1]:50050", "df://host.example:1"] {
            assert_eq!(text.parse::<Coordinator>().unwrap().to_string(), text);
        }
        assert_eq!("df://h:1/".parse::<Coordinator>().unwrap().url(), "http://h:1");
        for text in
            ["", "h:1", "df://h", "http://h:1", "df://h:1/x", "df://u@h:1", "df://h:1?x", "df://:1"]
        {
            assert_eq!(text.parse::<Coordinator>(), Err(CoordinatorParseError), "{text}");
        }
    }
}
