//! DataFusion scans and SQL with our functions, Polars frames for reports
