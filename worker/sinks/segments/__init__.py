"""Segments: the files of a local folder's results."""
