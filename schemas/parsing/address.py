"""Addresses of results, rejects, models and keys, as `gs://bucket/prefix`."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split_address(written: str) -> SplitResult:
    """Split an address; one that is none is all path, without a scheme and a host, so that a check of these refuses it."""
    try:
        return urlsplit(written)
    except ValueError:
        return SplitResult("", "", written, "", "")
