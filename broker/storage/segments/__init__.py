"""Segments: how messages are laid out in SQLite, many in a row, with their states beside them."""
