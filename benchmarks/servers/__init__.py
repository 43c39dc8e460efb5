"""Servers: the worker and its peers as pinned processes, each answer checked before any timing."""
