"""Batching: group commit of messages, and the deduplication window."""
