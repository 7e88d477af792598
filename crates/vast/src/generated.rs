//! Tables that `cargo xtask rules` writes from `rules/vast/` and `rules/profiles/`.

pub(crate) mod pages;
pub(crate) mod profiles;
pub(crate) mod rules;
pub(crate) mod structure;
