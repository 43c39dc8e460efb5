"""Files: rows of a file or stream as messages, each with an identity, resumable."""
