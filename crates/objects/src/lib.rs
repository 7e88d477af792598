//! Logs in buckets of S3, and of what speaks like it: named, listed, and read as they were when
//! reading began.
//!
//! Who reads is told by the environment, as for every tool of this kind (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …), and stands in no name and in no
//! error. Nothing is ever written.
//!
//! - An [`ObjectUrl`] is `s3://bucket/key`.
//! - An [`Object`] is one version of what has that name: every request for its bytes asks for that
//!   version, and bytes of another one are an error.
//! - [`list`] tells what is below a prefix.
//! - [`pinned`] is the same promise for who brings a reader along.
//!
//! All calls wait; requests run on threads of this crate, so that readers need no runtime.

mod error;
mod list;
mod name;
mod object;
mod store;

pub use error::{ObjectError, StoreFailure};
pub use list::{Listed, list};
pub use name::{NameError, ObjectUrl, is_object};
pub use object::{Object, Reader};
pub use store::pinned;
