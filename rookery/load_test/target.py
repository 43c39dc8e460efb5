"""TargetAddress: where the swarm publishes and where its readings end, started for a run or already there."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.environment.local import staged
from rookery.environment.process import WORKER
from rookery.load_test import dropping_worker
from rookery.load_test.emulator import emulator
from rookery.load_test.options import LoadTarget
from rookery.load_test.remote_results import remote_venue
from rookery.publisher.topics import topic_path
from rookery.schemas.output.permissions import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rookery.environment.local import Folders, LocalEnvironment
    from rookery.environment.results_location import ResultsLocation
    from rookery.load_test.options import LoadOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAddress:
    """`host` is the publisher's; `worker` an address; `subscription` is the embedded broker's; `pids` by name.

    `worker`, `stats` and `pids` are empty in production, where none of it can be looked into.
    """

    host: str
    topic: str
    worker: str = ""
    stats: str = ""
    subscription: str = ""
    venue: ResultsLocation
    pids: Mapping[str, int]
    check: Callable[[], None] = lambda: None
    end_worker: Callable[[], None] = lambda: None


@contextmanager
def placed(order: LoadOptions, folders: Folders) -> Iterator[TargetAddress]:
    """Start what the target needs; on the way out the worker drains. Raises Trouble."""
    with ExitStack() as stack:
        match order.target:
            case LoadTarget.PRODUCTION:
                remote = order.remote
                topic = topic_path(remote.topic, remote.project)
                yield TargetAddress(host=remote.host, topic=topic, venue=remote_venue(remote), pids={})
            case LoadTarget.BROKER:
                stage = stack.enter_context(staged(folders, worker=_program(order)))
                pids = {"worker": stage.children[0].pid, "broker": stage.children[1].pid}
                yield _here(stage, pids, stats=f"http://{stage.broker}/stats")
            case LoadTarget.EMULATOR:
                make_folder(folders.logs)
                google = stack.enter_context(emulator(folders.logs))
                worker = _program(order)
                stage = stack.enter_context(staged(folders, emulator=google.address, worker=worker))
                yield _here(stage, {"worker": stage.children[0].pid, "emulator": google.pid})


def _here(stage: LocalEnvironment, pids: Mapping[str, int], *, stats: str = "") -> TargetAddress:
    return TargetAddress(
        host=f"http://{stage.broker}",
        topic=stage.route.topic,
        worker=stage.worker,
        stats=stats,
        subscription=stage.route.subscription,
        venue=stage.venue,
        pids=pids,
        check=stage.check,
        end_worker=stage.end_worker,
    )


def _program(order: LoadOptions) -> Sequence[str]:
    """The worker, or one that loses readings where the order wants it."""
    return (dropping_worker.__name__, str(order.drop_one_in)) if order.drop_one_in else WORKER
