"""The one opener of results: a folder, a bucket or a subscription, read as lines of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rookery.load.accounting.folder_results import ResultsFolder

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.load.accounting.folder_results import Line, ResultsReader


def open_results(where: str | Path, kind: type[Line], *, client: Any = None) -> ResultsReader[Line]:
    """Open a path, `file:///dir`, `gs://bucket/prefix` or `projects/P/subscriptions/S`; nothing is read yet.

    `client` is that of Cloud Storage or the subscriber of Pub/Sub. Raises ValueError for any other address.
    """
    # Google's clients take half a second to import, which a folder saves.
    if isinstance(where, str) and where.startswith("gs://"):
        from rookery.load.accounting.bucket_results import ResultsBucket  # noqa: PLC0415  see above

        return ResultsBucket(where, kind, client=client)
    if isinstance(where, str) and where.startswith("projects/") and "/subscriptions/" in where:
        from rookery.load.accounting.topic_results import ResultsTopic  # noqa: PLC0415  see above

        return ResultsTopic(where, kind, client=client)
    return ResultsFolder(where, kind)
