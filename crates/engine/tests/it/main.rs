//! One binary: linking DataFusion costs 250 MB a time.
//!
//! Panics and unwraps are how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "cluster")]
mod cluster;
mod differential;
mod functions;
mod queries;
mod random;
mod summaries;
mod tables;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use adproof_engine::{Answer, Cell, EngineError, EngineOptions, Table};

/// Options with so many partitions.
fn with_partitions(partitions: usize) -> EngineOptions {
    EngineOptions { partitions: NonZeroUsize::new(partitions).unwrap(), ..Default::default() }
}

/// One table named `t`.
fn table(path: &Path) -> Table {
    Table::new("t", vec![path.to_path_buf()]).unwrap()
}

/// Answers a query that names no table.
fn ask(query: &str) -> Result<Answer, EngineError> {
    adproof_engine::sql(query, &[], &EngineOptions::default())
}

/// The one cell of an answer.
#[track_caller]
fn one(answer: &Answer) -> &Cell {
    match answer.rows.as_slice() {
        [row] if row.len() == 1 => &row[0],
        rows => panic!("{} rows", rows.len()),
    }
}

/// A file of the committed datasets.
fn dataset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(name)
}
