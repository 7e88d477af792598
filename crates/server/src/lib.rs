//! The HTTP endpoint over the pure crates, and the page
