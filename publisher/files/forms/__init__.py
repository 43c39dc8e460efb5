"""Forms of files: delimited text, spreadsheets, Arrow and Parquet, JSON; each gives chunks of rows."""
