//! Traffic logs on disk to a tally: on all cores, in bounded memory, with the place of every row
//! that was not taken.
//!
//! The reader of rows and the kernel are pure and know nothing of files or threads. Here one
//! thread at a time cuts the next block of whole rows from the log, and all threads read blocks
//! into one table. Of a log in Parquet (feature `parquet`) each takes the next row group. A log is a
//! file, or an object in a bucket (feature `s3`). The result depends neither on how many threads
//! there are nor on which of them read what, nor on what had to wait on disk.

#[cfg(feature = "parquet")]
mod columns;
mod error;
mod kept;
#[cfg(feature = "parquet")]
mod pages;
#[cfg(feature = "parquet")]
mod parquet;
mod piece;
#[cfg(all(feature = "parquet", feature = "s3"))]
mod pieces;
mod place;
mod report;
mod runs;
mod source;
mod stamp;
mod work;

pub use error::BatchError;
pub use piece::{Cut, Piece, Span, cut, digest, read_piece};
pub use place::bytes;
pub use report::{Log, RejectTo};
pub use runs::Traffic;
pub use source::is_traffic;
pub use work::{Options, Progress, read};
