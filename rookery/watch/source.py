"""ResultsSource: the readers of the page's predictions and rejections, and the address of both."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import UserError
from rookery.load.accounting.folder_results import local_path
from rookery.load.accounting.open_results import open_results
from rookery.results.location import storage
from rookery.schemas.parsing.address import split_address
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import SubscriberClient

    from rookery.load.accounting.folder_results import ResultsReader

_PREDICTIONS: Final = "predictions"
_REJECTIONS: Final = "rejections"
_EXPIRES: Final = timedelta(days=1)
_ANSWERS_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class ResultsSource:
    """Both kinds of results, the address as the user wrote it, and both addresses as a worker takes them."""

    name: str
    addresses: tuple[str, str]
    predictions: ResultsReader[Prediction]
    rejections: ResultsReader[Rejection]


@contextmanager
def opened(where: str, rejects: str | None = None, *, broker: str | None = None) -> Iterator[ResultsSource]:
    """Open a folder, `gs://bucket/prefix` or `pubsub://project/topic`; raises UserError.

    Without `rejects` the rejections are beside the results: `predictions` and `rejections` below a folder or prefix (or
    side by side), `<topic>-rejections` beside a topic. A topic is read over a temporary subscription of the page's own,
    which gets messages from now on.
    """
    scheme = where.partition("://")[0] if "://" in where else "file"
    match scheme:
        case "file":
            yield _folders(where, rejects)
        case "gs":
            with _buckets(where, rejects) as source:
                yield source
        case "pubsub":
            with _topics(where, rejects, broker) as source:
                yield source
        case _:
            raise UserError(f"{where}: a folder, gs://bucket/prefix or pubsub://project/topic is needed.")


def beside(where: str) -> tuple[str, str]:
    """The addresses of predictions and rejections below one address, by their default names."""
    plain = where.rstrip("/")
    parent, _, last = plain.rpartition("/")
    if last == _PREDICTIONS:
        return plain, f"{parent}/{_REJECTIONS}" if parent else _REJECTIONS
    return f"{plain}/{_PREDICTIONS}", f"{plain}/{_REJECTIONS}"


def _source(
    name: str,
    results: str | Path,
    rejects: str | Path,
    *,
    addresses: tuple[str, str] | None = None,
    client: Any = None,
) -> ResultsSource:
    return ResultsSource(
        name,
        addresses or (_address(results), _address(rejects)),
        open_results(results, Prediction, client=client),
        open_results(rejects, Rejection, client=client),
    )


def _folders(where: str, rejects: str | None) -> ResultsSource:
    try:
        folder = local_path(where).absolute()
        refused = None if rejects is None else local_path(rejects)
    except ValueError as error:
        raise UserError(f"{error}.") from None
    if refused is None:
        results, refused = map(Path, beside(str(folder)))
    else:
        results = folder
    return _source(str(where), results, refused)


def _address(where: str | Path) -> str:
    return where.absolute().as_uri() if isinstance(where, Path) else where


@contextmanager
def _buckets(where: str, rejects: str | None) -> Iterator[ResultsSource]:
    results, refused = beside(where) if rejects is None else (where, rejects)
    client = storage()
    try:
        yield _source(where, results, refused, client=client)
    finally:
        client.close()


@contextmanager
def _topics(where: str, rejects: str | None, broker: str | None) -> Iterator[ResultsSource]:
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  half a second that a folder saves
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  the same

    from rookery.environment.provision import clients  # noqa: PLC0415  the same

    addresses = where, rejects or f"{where}-rejections"
    topics = [_topic(each) for each in addresses]
    with ExitStack() as stack:
        try:
            publisher, subscriber = clients(broker)
            stack.callback(publisher.transport.close)
            stack.callback(subscriber.transport.close)
            predicted, rejected = [
                _subscription(stack, subscriber, topic, expires=broker is None) for topic in topics
            ]
        except (GoogleAPIError, GoogleAuthError) as error:
            raise UserError(f"{where} cannot be watched: {error}") from error
        yield _source(where, predicted, rejected, addresses=addresses, client=subscriber)


def _subscription(stack: ExitStack, subscriber: SubscriberClient, topic: str, *, expires: bool) -> str:
    """Make a temporary subscription, deleted with the stack; after a kill Pub/Sub expires it in a day."""
    name = f"{topic.replace('/topics/', '/subscriptions/')}-watch-{secrets.token_hex(4)}"
    wanted: dict[str, Any] = {"name": name, "topic": topic}
    if expires:
        wanted["expiration_policy"] = {"ttl": _EXPIRES}
    subscriber.create_subscription(request=wanted, timeout=_ANSWERS_WITHIN_S, retry=None)
    stack.callback(subscriber.delete_subscription, subscription=name, timeout=_ANSWERS_WITHIN_S, retry=None)
    return name


def _topic(address: str) -> str:
    parts = split_address(address)
    topic = parts.path.strip("/")
    if not (parts.netloc and topic) or "/" in topic:
        raise UserError(f"{address}: pubsub://project/topic is needed.")
    return f"projects/{parts.netloc}/topics/{topic}"
