//! Inputs shared by the benches: generated, never copied from others.

pub mod beside;
pub mod tags;
