"""Frames: readings and results as pandas frames, and tables of .csv, .xlsx and .parquet that come back classified."""
