"""Arrow: a table as an Arrow IPC stream, whose every offset and length is held against the bytes before it is used."""
