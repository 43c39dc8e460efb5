"""Health: a worker that answers nothing but its own defects is not ready, and then not alive; any other one is both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker import app
from rookery.worker.batch_commit import BatchCommit
from rookery.worker.batching.ticket import Ticket
from rookery.worker.errors import DeadlineError, DrainingError, QueueFullError
from rookery.worker.http.handlers import PushHandler
from rookery.worker.inference.bisection import ModelUnavailableError
from rookery.worker.observability.health import ALIVE_FACTOR, LEAST_DEFECTS, Health
from rookery.worker.observability.observer import BatchCompleted
from rookery.worker.sinks.protocol import SinkUnavailableError
from tests.worker.test_app import push_body, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rookery.worker.errors import RetryError
    from tests.worker.conftest import House

from tests.worker.conftest import NOON

SECONDS = 60.0


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(SECONDS, clock=clock)


def fail(health: Health, clock: Clock, *, seconds: float, defects: int = LEAST_DEFECTS) -> None:
    """Let so many defects be answered, evenly over some seconds."""
    for nth in range(defects):
        clock.now += seconds / (defects - 1) if nth else 0.0
        health.defect()


def batch(messages: int, retried: int) -> BatchCompleted:
    tickets = [Ticket[object](None, 1, 1) for _ in range(messages)]
    return BatchCompleted(tickets, [], [], messages, retried, NOON, 0.0, 0.0, NOON, 0.0)  # type: ignore[arg-type]  # no work


def test_nothing_but_defects_for_long_is_not_ready_and_then_not_alive(health: Health, clock: Clock) -> None:
    """Not alive only after three times as long, though nothing is sent to what is not ready."""
    fail(health, clock, seconds=SECONDS)
    assert not health.ready
    assert health.alive
    assert health.reason == f"nothing but defects was answered for 60 s ({LEAST_DEFECTS} times)"
    clock.now += (ALIVE_FACTOR - 1) * SECONDS
    assert not health.alive


@pytest.mark.parametrize(
    ("seconds", "defects"), [(SECONDS - 1, 1000), (SECONDS * 100, LEAST_DEFECTS - 1)], ids=["short", "few"]
)
def test_a_short_failure_or_one_bad_message_again_and_again_is_neither(
    health: Health, clock: Clock, seconds: float, defects: int
) -> None:
    """A defect is no verdict, and an idle worker does not become one by idling."""
    fail(health, clock, seconds=seconds, defects=defects)
    clock.now += SECONDS * 1000
    assert health.ready
    assert health.alive
    assert health.reason is None


def test_an_answer_among_the_defects_starts_the_judgement_anew(health: Health, clock: Clock) -> None:
    """A batch of which one message was answered counts; one that was retried whole does not."""
    fail(health, clock, seconds=SECONDS - 1)
    health(batch(3, retried=2))
    fail(health, clock, seconds=SECONDS - 1)
    assert health.ready
    health(batch(3, retried=3))
    clock.now += 1
    health.defect()
    assert not health.ready
    health(batch(1, retried=0))
    assert health.ready
    assert health.alive


def test_0_seconds_are_always_healthy(clock: Clock) -> None:
    """The setting 0 turns the probe off."""
    health = Health(0, clock=clock)
    fail(health, clock, seconds=SECONDS * 100)
    assert health.ready
    assert health.alive


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (QueueFullError("full"), False),
        (DeadlineError("late"), False),
        (DrainingError("draining"), False),
        (SinkUnavailableError("disk full"), False),
        (ModelUnavailableError("it fails on everything"), True),
    ],
    ids=lambda value: getattr(value, "cause", None),
)
async def test_only_the_workers_own_defects_are_held_against_it(
    house: House, health: Health, clock: Clock, error: RetryError, *, counts: bool
) -> None:
    """A full queue, a drain, a slow or absent sink: another process would fare no better."""
    handler = PushHandler(house.pipeline, house.metrics, health=health)
    for _ in range(LEAST_DEFECTS):
        clock.now += SECONDS
        handler.refusal(error)
    assert health.ready is not counts


@pytest.fixture
async def failing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> AsyncIterator[aiohttp.ClientSession]:
    """A worker whose every answer fails, and whose health uses the test's clock."""
    monkeypatch.setattr(app, "Health", lambda seconds: Health(seconds, clock=clock))
    monkeypatch.setattr(BatchCommit, "_answer", None)
    chosen = settings(tmp_path, failing_seconds=SECONDS)
    async with app.running(chosen) as address, aiohttp.ClientSession(address) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/predict"])
async def test_the_probes_of_a_worker_that_fails_say_so_until_it_answers_again(
    failing: aiohttp.ClientSession, clock: Clock, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Push and predict alike: `/readyz` says 503 and why, then `/livez` does, and one answer ends it."""
    client, penguin = failing, encode(ReadingFactory(1).reading())

    async def post(nth: int) -> int:
        body = push_body(penguin, messageId=f"m{nth}") if path == "/" else penguin
        async with client.post(path, data=body) as answer:
            return answer.status

    async def probes() -> list[int]:
        async with client.get("/readyz") as ready, client.get("/livez") as alive:
            return [ready.status, alive.status]

    for nth in range(LEAST_DEFECTS):
        assert await post(nth) == 503
        clock.now += SECONDS / LEAST_DEFECTS
    assert await probes() == [200, 200]
    assert await post(LEAST_DEFECTS) == 503
    assert await probes() == [503, 200]
    async with client.get("/readyz") as answer:
        assert (await answer.json())["status"] == "failing"
    async with client.get("/metrics") as answer:
        assert "rookery_ready 0.0" in await answer.text()
    clock.now += ALIVE_FACTOR * SECONDS
    assert await probes() == [503, 503]
    monkeypatch.undo()
    assert await post(0) == (204 if path == "/" else 200)
    assert await probes() == [200, 200]
