"""Columns: which column of a file is which field of a reading, by its name and its unit."""
