//! One binary: linking DataFusion costs 250 MB a time.
