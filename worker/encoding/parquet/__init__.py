"""Parquet: tables of predictions as row groups, written from the model's own arrays."""
