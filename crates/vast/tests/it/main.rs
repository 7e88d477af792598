//! The linter as others see it: bytes in, findings out.

mod corpus;
mod harness;
mod laws;
mod outcomes;
