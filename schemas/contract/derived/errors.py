"""UnsupportedContractError: a schema of another system that cannot say what a contract says."""

from __future__ import annotations


class UnsupportedContractError(ValueError):
    """A contract cannot be described in another system's schema; the text says why."""
