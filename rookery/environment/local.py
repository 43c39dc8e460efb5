"""LocalEnvironment: a broker and a worker as real processes, with a route between them, for as long as one run lasts."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rookery.environment import process as child
from rookery.environment.provision import Provisioner, Route
from rookery.environment.results_location import opened
from rookery.errors import UserError
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.errors import PublishError
from rookery.publisher.settings import EMULATOR_VARIABLE, PublisherSettings
from rookery.publisher.topics import LOCAL_PROJECT
from rookery.schemas.output.permissions import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rookery.environment.process import RookeryProcess
    from rookery.environment.results_location import ResultsLocation

_MIN_BACKOFF_S: Final = 0.1
_MAX_BACKOFF_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a run."""

    root: Path

    @property
    def logs(self) -> Path:
        """The logs of broker and worker."""
        return self.root / "logs"


@dataclass(frozen=True, slots=True)
class LocalEnvironment:
    """The running processes; `broker` is HOST:PORT, `worker` the worker's address, `location` where results go."""

    broker: str
    worker: str
    location: ResultsLocation
    route: Route
    publisher: ReadingPublisher
    children: tuple[RookeryProcess, ...]
    model: Path | None = None

    def check(self) -> None:
        """Raise UserError where a process has ended by itself."""
        for each in self.children:
            each.check()

    def end_worker(self) -> None:
        """Let the worker drain and end: no result is written after that."""
        self.children[0].stop()


@contextmanager
def staged(  # noqa: PLR0913  each is a choice of its own, by keyword
    folders: Folders,
    *,
    where: str | None = None,
    emulator: str | None = None,
    worker: Sequence[str] = child.WORKER,
    model: Path | None = None,
    settings: Mapping[str, str] | None = None,
    pull: bool = False,
) -> Iterator[LocalEnvironment]:
    """Start broker and worker with a route between them; raises UserError.

    `where` is an address that takes the results in place of the folders; `emulator` is a running emulator's HOST:PORT,
    used in place of the embedded broker; `worker` is another program than the usual one, with its arguments; `model` is
    the file of the worker's model, by default that of its settings; `settings` are further variables of the worker; with
    `pull` it pulls in place of being pushed to.

    At the end the worker drains before the broker ends, and the route is removed from an emulator.
    """
    make_folder(folders.logs)
    with ExitStack() as stack:
        # Both start at once: the worker needs the broker only where results go to a topic, or to pull.
        embedded = None if emulator else _start(stack, child.broker(folders.logs))

        def broker_address() -> str:
            return embedded.address() if embedded else str(emulator)

        location = stack.enter_context(opened(where, folders.root, broker=broker_address))
        variables = {**(settings or {}), **location.settings}
        variables |= {} if model is None else {"ROOKERY_MODEL": str(model)}
        route = _fresh_route()
        if pull:
            broker = broker_address()
            _provide(stack, broker, route, removes=emulator is not None)
            variables |= {"ROOKERY_PULL": route.subscription, EMULATOR_VARIABLE: broker}
        running = _start(
            stack,
            child.worker(
                folders.logs,
                results=location.results,
                rejects=location.rejects,
                settings=variables,
                command=worker,
            ),
        )
        broker, address = broker_address(), running.address()
        if not pull:
            route = replace(route, push_to=f"{address}/")
            _provide(stack, broker, route, removes=emulator is not None)
        publisher = ReadingPublisher(route.topic, settings=PublisherSettings(broker=broker))
        children = (running, embedded) if embedded else (running,)
        with _explained(running), publisher:
            yield LocalEnvironment(
                broker=broker,
                worker=address,
                location=location,
                route=route,
                publisher=publisher,
                children=children,
                model=model,
            )


def _start(stack: ExitStack, started: RookeryProcess) -> RookeryProcess:
    """Start a child that the stack ends, also where starting it fails."""
    stack.push(started)
    started.start()
    return started


def _provide(stack: ExitStack, broker: str, route: Route, *, removes: bool) -> None:
    """Make a route, which the stack removes where it `removes`."""
    provisioner = stack.enter_context(Provisioner(broker))
    provisioner.provide(route)
    if removes:
        stack.callback(provisioner.remove, route)


def _fresh_route() -> Route:
    """Name a topic that no earlier run has used; nothing is pushed yet."""
    topic = f"projects/{LOCAL_PROJECT}/topics/demo-{secrets.token_hex(4)}"
    return Route(topic=topic, push_to=None, min_backoff_s=_MIN_BACKOFF_S, max_backoff_s=_MAX_BACKOFF_S)


@contextmanager
def _explained(worker: RookeryProcess) -> Iterator[None]:
    try:
        yield
    except PublishError as error:
        raise UserError(str(error), hint=worker.tail()) from error
