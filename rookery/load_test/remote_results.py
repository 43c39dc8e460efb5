"""The results of an existing deployment: one day of its buckets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rookery.environment.results_location import ResultsLocation
from rookery.errors import UserError
from rookery.results.location import storage

if TYPE_CHECKING:
    from rookery.load_test.options import RemoteTarget


def remote_location(remote: RemoteTarget) -> ResultsLocation:
    """Locate the results that a deployed worker writes today (UTC); raises UserError without permission to read them."""
    client = storage(project=remote.project)
    results, rejects = _today(remote.results), _today(remote.rejects)
    return ResultsLocation.open(results, rejects, client=client)


def _today(where: str | None) -> str:
    address = (where or "").rstrip("/")
    if not address.startswith("gs://"):
        raise UserError(f"{address or 'nothing'} is no bucket.", hint="gs://bucket/predictions is needed.")
    return f"{address}/date={datetime.now(UTC):%Y-%m-%d}"
