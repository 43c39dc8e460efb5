"""The location of results: a folder or a bucket, opened for reading."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import UserError
from rookery.load.accounting.folder_results import BrokenResultsError, local_path
from rookery.load.accounting.open_results import open_results
from rookery.schemas.output.extras import install_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.load.accounting.folder_results import Line, ResultsReader

BUCKET: Final = "gs://"


def opened(uri: str, kind: type[Line]) -> ResultsReader[Line]:
    """Open a path, `file:///dir` or `gs://bucket/prefix`; raises UserError where there is no such place."""
    if uri.startswith(BUCKET):
        return open_results(uri, kind, client=storage())
    return open_results(folder_of(uri), kind)


def folder_of(uri: str) -> Any:
    """The folder at an address; raises UserError where there is none."""
    try:
        path = local_path(uri)
    except ValueError:
        raise UserError(f"{uri}: a path, file:///dir or gs://bucket/prefix is needed.") from None
    if not path.is_dir():
        raise UserError(
            f"There is no folder {path}.", hint="ROOKERY_RESULTS and ROOKERY_REJECTS name the worker's."
        )
    return path


def storage(**options: Any) -> Any:
    """A client of Cloud Storage with Google's options; raises UserError where the library or credentials are missing."""
    try:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  half a second that folders save

        from rookery.worker.storage_client import storage_client  # noqa: PLC0415  the same
    except ImportError as error:
        raise UserError(f"gs:// needs {error.name}.", hint=install_hint(error.name)) from None
    try:
        return storage_client(**options)
    except (GoogleAuthError, OSError) as error:
        raise UserError(
            f"Cloud Storage cannot be reached: {error}",
            hint="`gcloud auth application-default login` provides credentials.",
        ) from error


def lines(uri: str, kind: type[Line]) -> Iterator[Line]:
    """Every line of a location, duplicates included; raises UserError where a line or the location cannot be read."""
    reader = opened(uri, kind)
    with explained(uri):
        yield from reader.every()


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn errors of reading into a UserError of one sentence."""
    try:
        yield
    except (BrokenResultsError, OSError) as error:
        raise UserError(f"{error}") from error
    except Exception as error:
        if not type(error).__module__.startswith("google."):
            raise
        raise UserError(f"{uri} cannot be read: {' '.join(str(error).split())}") from error
