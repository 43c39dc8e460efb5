"""TargetAddress: the topic that the swarm publishes to and the location of the results, started for a run or existing."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.environment.local import staged
from rookery.environment.process import WORKER
from rookery.load_test import dropping_worker
from rookery.load_test.emulator import emulator
from rookery.load_test.options import LoadTarget
from rookery.load_test.remote_results import remote_location
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

    `worker`, `stats` and `pids` are empty in production, where they cannot be observed.
    """

    host: str
    topic: str
    worker: str = ""
    stats: str = ""
    subscription: str = ""
    location: ResultsLocation
    pids: Mapping[str, int]
    check: Callable[[], None] = lambda: None
    end_worker: Callable[[], None] = lambda: None


@contextmanager
def started(options: LoadOptions, folders: Folders) -> Iterator[TargetAddress]:
    """Start the processes that the target needs, and drain the worker at the end; raises UserError."""
    with ExitStack() as stack:
        match options.target:
            case LoadTarget.PRODUCTION:
                remote = options.remote
                topic = topic_path(remote.topic, remote.project)
                yield TargetAddress(host=remote.host, topic=topic, location=remote_location(remote), pids={})
            case LoadTarget.BROKER:
                stage = stack.enter_context(staged(folders, worker=_program(options)))
                pids = {"worker": stage.children[0].pid, "broker": stage.children[1].pid}
                yield _local(stage, pids, stats=f"http://{stage.broker}/stats")
            case LoadTarget.EMULATOR:
                make_folder(folders.logs)
                google = stack.enter_context(emulator(folders.logs))
                worker = _program(options)
                stage = stack.enter_context(staged(folders, emulator=google.address, worker=worker))
                yield _local(stage, {"worker": stage.children[0].pid, "emulator": google.pid})


def _local(stage: LocalEnvironment, pids: Mapping[str, int], *, stats: str = "") -> TargetAddress:
    return TargetAddress(
        host=f"http://{stage.broker}",
        topic=stage.route.topic,
        worker=stage.worker,
        stats=stats,
        subscription=stage.route.subscription,
        location=stage.location,
        pids=pids,
        check=stage.check,
        end_worker=stage.end_worker,
    )


def _program(options: LoadOptions) -> Sequence[str]:
    """The worker, or the one that drops lines where fault injection is asked for."""
    return (dropping_worker.__name__, str(options.fault_drop)) if options.fault_drop else WORKER
