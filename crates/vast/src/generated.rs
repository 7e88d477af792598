//! Tables that `cargo xtask rules` writes from `rules/vast/`.

pub(crate) mod pages;
pub(crate) mod rules;
pub(crate) mod structure;
