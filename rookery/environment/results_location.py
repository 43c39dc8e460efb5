"""ResultsLocation: where a run's results go, the worker's settings for it, and the readers of the results."""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from rookery.demo.results_tracker import POLL_INTERVAL_S
from rookery.errors import UserError
from rookery.load.accounting.open_results import open_results
from rookery.results.location import storage
from rookery.schemas.output.extras import install_hint
from rookery.schemas.parsing.address import split_address
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rookery.load.accounting.folder_results import ResultsReader

STORAGE: Final = "STORAGE_EMULATOR_HOST"
REMOTE: Final = ("gs://", "pubsub://")
"""Prefixes of an address that is no folder."""

_REMOTE_POLL_INTERVAL_S: Final = 0.2
_CALL: Final[dict[str, Any]] = {"timeout": 10.0, "retry": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsLocation:
    """Where results and rejects go, as the worker's settings name it, and both read back.

    `settings` are further variables of the worker's environment; `poll_interval_s` is the seconds between two reads;
    `temporary` says that the results are deleted when the run is over.
    """

    results: str
    rejects: str
    predictions: ResultsReader[Prediction]
    rejections: ResultsReader[Rejection]
    settings: Mapping[str, str] = field(default_factory=dict)
    poll_interval_s: float = _REMOTE_POLL_INTERVAL_S
    temporary: bool = False

    @classmethod
    def open(cls, results: str, rejects: str, *, client: Any = None, **others: Any) -> Self:
        """Locate results that are read at the addresses to which the worker writes them."""
        return cls(
            results=results,
            rejects=rejects,
            predictions=open_results(results, Prediction, client=client),
            rejections=open_results(rejects, Rejection, client=client),
            **others,
        )


@contextmanager
def opened(where: str | None, folder: Path, *, broker: Callable[[], str]) -> Iterator[ResultsLocation]:
    """Open `gs://bucket/prefix` or `pubsub://project/topic`, or else two folders below `folder`; raises UserError.

    `broker` gives the HOST:PORT of the broker that a topic is made on, once it runs.
    """
    if where is None or not where.startswith(REMOTE):
        yield _folders(folder)
        return
    with ExitStack() as stack:
        if where.startswith("gs://"):
            yield _bucket(stack, where)
        else:
            yield _topics(stack, where, broker())


def _folders(root: Path) -> ResultsLocation:
    results, rejects = root / "predictions", root / "rejections"
    return ResultsLocation.open(
        results.absolute().as_uri(), rejects.absolute().as_uri(), poll_interval_s=POLL_INTERVAL_S
    )


def _bucket(stack: ExitStack, where: str) -> ResultsLocation:
    """Use the storage that STORAGE_EMULATOR_HOST names, or start one in memory; make the bucket where it is missing."""
    try:
        from google.api_core.exceptions import Conflict, GoogleAPIError  # noqa: PLC0415  only where it is used

        from storage_emulator.server import StorageServer  # noqa: PLC0415  the same
    except ImportError as error:
        raise UserError(f"gs:// needs {error.name}.", hint=install_hint(error.name)) from None
    named = os.environ.get(STORAGE)
    host = named or stack.enter_context(StorageServer()).url
    client = storage(client_options={"api_endpoint": host}, use_auth_w_custom_endpoint=False)
    stack.callback(client.close)
    try:
        with contextlib.suppress(Conflict):
            client.create_bucket(split_address(where).netloc, **_CALL)
    except (GoogleAPIError, OSError, ValueError) as error:
        raise UserError(f"{where} cannot be used at {host}: {error}") from error
    results, rejects = f"{where.rstrip('/')}/predictions", f"{where.rstrip('/')}/rejections"
    return ResultsLocation.open(
        results, rejects, client=client, settings={STORAGE: host}, temporary=not named
    )


def _topics(stack: ExitStack, where: str, broker: str) -> ResultsLocation:
    """Make a topic for predictions and one for rejections, each with a subscription; both are deleted after the run."""
    from rookery.environment.provision import clients  # noqa: PLC0415  the same

    publisher, subscriber = clients(broker)
    stack.callback(publisher.transport.close)
    stack.callback(subscriber.transport.close)
    address = split_address(where)
    project, name = address.netloc, address.path.strip("/")
    subscriptions = []
    for each in (name, f"{name}-rejections"):
        topic, subscription = (
            f"projects/{project}/topics/{each}",
            f"projects/{project}/subscriptions/{each}-demo",
        )
        _provide(stack, publisher, "topic", name=topic)
        _provide(stack, subscriber, "subscription", name=subscription, topic=topic)
        subscriptions.append(subscription)
    return ResultsLocation(
        results=where,
        rejects=f"{where}-rejections",
        predictions=open_results(subscriptions[0], Prediction, client=subscriber),
        rejections=open_results(subscriptions[1], Rejection, client=subscriber),
        settings={"PUBSUB_EMULATOR_HOST": broker},
        temporary=True,
    )


def _provide(stack: ExitStack, client: Any, kind: str, *, name: str, **fields: str) -> None:
    """Make a topic or a subscription where it is missing, and delete it after the run; raises UserError."""
    from google.api_core.exceptions import AlreadyExists, GoogleAPIError  # noqa: PLC0415  only where it is used

    try:
        getattr(client, f"create_{kind}")(name=name, **fields, **_CALL)
    except AlreadyExists:
        return
    except GoogleAPIError as error:
        raise UserError(f"{name} cannot be made: {error}") from error
    stack.callback(_delete, getattr(client, f"delete_{kind}"), {kind: name})


def _delete(call: Callable[..., None], which: Mapping[str, str]) -> None:
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  only where it is used

    # A broker that has ended took its topics along.
    with contextlib.suppress(GoogleAPIError):
        call(**which, **_CALL)
