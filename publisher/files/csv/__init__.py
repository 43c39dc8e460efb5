"""CSV: profile, header, cells and rows of a CSV file as messages."""
