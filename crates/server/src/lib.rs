//! The endpoint and the page: what the pure crates compute, over HTTP, within bounds.
//!
//! The server holds no logic of the domain and nothing that the command line lacks. It never
//! fetches anything. It writes nothing to disk, but for a witness, which keeps what it cosigned.

mod api;
mod app;
mod body;
#[cfg(feature = "page")]
mod built_in;
mod bundle;
mod ledger;
mod limits;
mod listen;
mod metrics;
mod openapi;
mod page;
mod problem;
mod witness;
mod work;

pub use app::App;
pub use limits::Limits;
pub use listen::{Stopped, serve, stop_signal};
pub use openapi::openapi;
pub use page::{Page, PageError};
