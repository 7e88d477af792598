//! The server as a client meets it: in process, and over a socket where time and bytes matter.

mod answers;
mod bounds;
mod common;
mod document;
mod page;
mod socket;
