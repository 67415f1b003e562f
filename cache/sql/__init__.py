"""Audit a store with SQL: views over its Parquet files, canned questions, and a locked DuckDB."""
