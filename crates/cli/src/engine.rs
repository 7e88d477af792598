//! What needs the feature `engine`, and what to say where it is missing.

#[cfg(not(feature = "engine"))]
use crate::out::Failure;

/// The error of a build without the engine: what needs it, and how to get it.
#[cfg(not(feature = "engine"))]
pub(crate) fn missing(what: &str) -> Failure {
    Failure::new(format!("{what} needs the engine, and this adproof was built without it"))
        .at("feature `engine` (DataFusion and Polars), left out of the default build")
        .todo(
            "build it in, which takes some minutes: cargo build --release -p adproof --features engine",
        )
}

#[cfg(feature = "engine")]
pub(crate) use with_engine::explain;

#[cfg(feature = "engine")]
mod with_engine {
    use adproof_engine::EngineError;

    use crate::out::Failure;

    /// An engine's error for people: with what to do where that can be said.
    pub(crate) fn explain(error: EngineError) -> Failure {
        let text = error.to_string();
        let failure = Failure::new(text);
        match error {
            EngineError::Format { .. } => {
                failure.todo("name it .csv, .jsonl, .ndjson or .parquet, and unpack it before")
            }
            EngineError::TableName { .. } | EngineError::DuplicateTable { .. } => {
                failure.at("--table").todo("name it: --table NAME=PATH")
            }
            EngineError::Mixed { .. } => failure.todo("give each kind of file a table of its own"),
            EngineError::NoEvents { .. } => {
                failure.todo("rename the columns as the event log of `adproof decide` names them")
            }
            EngineError::Refused { .. } => {
                failure.at("the query").todo("ask with SELECT; redirect the output to write it")
            }
            EngineError::Time { .. } => {
                failure.todo("give it more time with --timeout-ms, or ask for less")
            }
            EngineError::Memory { .. } => {
                failure.todo("give it more with --max-memory, or group by fewer columns")
            }
            EngineError::QueryLength { .. } | EngineError::Query(_) => failure.at("the query"),
            _ => failure,
        }
    }
}
