"""Place: where the swarm publishes and where its readings end, started for a run or already there."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.topics import topic_path
from rookery.child import WORKER
from rookery.loading import dropping_worker
from rookery.loading.emulator import emulator
from rookery.loading.order import Target
from rookery.loading.remote import remote_venue
from rookery.stage import staged
from schemas.permissions import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rookery.loading.order import Order
    from rookery.stage import Folders, Stage
    from rookery.venue import Venue


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`host` is the publisher's; `worker` an address; `subscription` is the embedded broker's; `pids` by name.

    `worker`, `stats` and `pids` are empty in production, where none of it can be looked into.
    """

    host: str
    topic: str
    worker: str = ""
    stats: str = ""
    subscription: str = ""
    venue: Venue
    pids: Mapping[str, int]
    check: Callable[[], None] = lambda: None
    end_worker: Callable[[], None] = lambda: None


@contextmanager
def placed(order: Order, folders: Folders) -> Iterator[Place]:
    """Start what the target needs; on the way out the worker drains. Raises Trouble."""
    with ExitStack() as stack:
        match order.target:
            case Target.PRODUCTION:
                remote = order.remote
                topic = topic_path(remote.topic, remote.project)
                yield Place(host=remote.host, topic=topic, venue=remote_venue(remote), pids={})
            case Target.BROKER:
                stage = stack.enter_context(staged(folders, worker=_program(order)))
                pids = {"worker": stage.children[0].pid, "broker": stage.children[1].pid}
                yield _here(stage, pids, stats=f"http://{stage.broker}/stats")
            case Target.EMULATOR:
                make_folder(folders.logs)
                google = stack.enter_context(emulator(folders.logs))
                worker = _program(order)
                stage = stack.enter_context(staged(folders, emulator=google.address, worker=worker))
                yield _here(stage, {"worker": stage.children[0].pid, "emulator": google.pid})


def _here(stage: Stage, pids: Mapping[str, int], *, stats: str = "") -> Place:
    return Place(
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


def _program(order: Order) -> Sequence[str]:
    """The worker, or one that loses readings where the order wants it."""
    return (dropping_worker.__name__, str(order.drop_one_in)) if order.drop_one_in else WORKER
