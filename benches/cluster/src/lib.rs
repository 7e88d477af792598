//! Side-by-side runs of clustering against engines: see `compare.py` and `examples/cluster.rs`.
