"""Tables: files of .csv, .xlsx and .parquet, read and written so that what a person wrote in a cell survives."""
