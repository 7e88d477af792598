//! JavaScript conversions over the pure crates
