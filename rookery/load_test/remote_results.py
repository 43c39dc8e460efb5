"""The results of an existing deployment: one day of its buckets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rookery.environment.results_location import ResultsLocation
from rookery.errors import UserError
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from rookery.load_test.options import RemoteTarget


def remote_location(remote: RemoteTarget) -> ResultsLocation:
    """Locate the results that a deployed worker writes today (UTC); raises UserError without permission to read them."""
    # Only a run against production pays for these.
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  see above

    from rookery.load.accounting.bucket_results import ResultsBucket  # noqa: PLC0415  see above
    from rookery.worker.storage_client import storage_client  # noqa: PLC0415  see above

    try:
        client = storage_client(project=remote.project)
    except (GoogleAuthError, OSError) as error:
        raise UserError(
            f"The results cannot be read: {error}",
            hint="`gcloud auth application-default login` brings credentials.",
        ) from None
    results, rejects = _today(remote.results), _today(remote.rejects)
    return ResultsLocation(
        results=results,
        rejects=rejects,
        predictions=ResultsBucket(results, Prediction, client=client),
        rejections=ResultsBucket(rejects, Rejection, client=client),
    )


def _today(where: str | None) -> str:
    address = (where or "").rstrip("/")
    if not address.startswith("gs://"):
        raise UserError(f"{address or 'nothing'} is no bucket.", hint="gs://bucket/predictions is needed.")
    return f"{address}/date={datetime.now(UTC):%Y-%m-%d}"
