"""Moments as Pub/Sub writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=256)
def rfc3339(seconds: float) -> str:
    """Write seconds since 1970 as UTC with milliseconds: 2021-02-26T19:13:55.749Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
