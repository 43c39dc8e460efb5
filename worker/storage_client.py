"""The client of Cloud Storage: Google's own, asked for nothing but what its user calls."""

from __future__ import annotations

import os
from typing import Any, Final

from google.cloud.storage import Client

_NO_LOOKUP: Final = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
"""Without it the library looks up each bucket in a thread of its own, to label traces: requests that no code made,
repeated for minutes where they fail, and refused to a role that may only read and write objects."""


def storage_client(**options: Any) -> Client:
    """Make a client that sends no requests of its own; raises what `Client(**options)` raises."""
    os.environ.setdefault(_NO_LOOKUP, "true")
    return Client(**options)
