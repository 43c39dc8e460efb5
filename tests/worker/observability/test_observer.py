"""Observers: whatever breaks in them is logged once, counted, and changes neither an answer nor a line."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.batch_commit import INLINE_ROWS
from rookery.worker.encoding.feature_sample import FeatureSample
from rookery.worker.observability.drift import Drift
from rookery.worker.observability.metrics import Metrics
from tests.worker.test_app import lines, push_body, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rookery.schemas.envelope import Envelope
    from rookery.worker.observability.observer import BatchCompleted
    from tests.worker.conftest import House


class Failing:
    """Raises on every access and call."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __call__(self, *_: object, **__: object) -> None:
        raise ZeroDivisionError


class Watching:
    """Remembers the batches, and the threads that it was called in."""

    def __init__(self) -> None:
        self.batches: list[BatchCompleted] = []
        self.threads: set[int] = set()

    def __call__(self, batch: BatchCompleted) -> None:
        self.batches.append(batch)
        self.threads.add(threading.get_ident())


def broken(metrics: Metrics) -> Metrics:
    """Break everything that counts, but what counts the failures themselves."""
    for name in vars(metrics):
        if name not in {"failures", "contained"}:
            setattr(metrics, name, Failing())
    return metrics


def payloads() -> list[bytes]:
    penguins = ReadingFactory(3)
    return [
        *(encode(penguins.reading(reading_id=f"penguin-{nth}")) for nth in range(20)),
        b'{"wings": 2}',
        *(encode(penguins.table(rows)) for rows in (60, 300, 1000)),
    ]


async def test_faults_in_every_observer_change_no_answer_and_no_line(
    build: Callable[..., House],
    envelope: Callable[..., Envelope],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Metrics, drift, feature sample, log and traces: each defect is logged once for each observer, and counted."""
    messages = [envelope(payload) for payload in payloads()]
    sound, faulty = build(), build(feature_sample_rows=4, observers=[Failing()])
    broken(faulty.metrics)
    monkeypatch.setattr(FeatureSample, "add", Failing())
    for house in (sound, faulty):
        for message in messages:
            await house.pipeline.accept(message)
    assert sound.results.lines
    assert sound.rejects.lines
    assert sorted(faulty.results.lines) == sorted(sound.results.lines)
    assert faulty.rejects.lines == sound.rejects.lines
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert sorted(said) == [
        f"observer {name} failed; answers go on, further failures are only counted"
        for name in ("Failing", "FeatureSample", "Metrics")
    ]


async def test_one_observer_that_fails_keeps_no_other_from_seeing_the_batch(
    build: Callable[..., House], envelope: Callable[..., Envelope]
) -> None:
    """The observers behind it are called all the same, and the metric names the one that failed."""
    watching = Watching()
    house = build(observers=[Failing(), watching])
    await house.pipeline.accept(envelope(payloads()[0]))
    assert [batch.predicted for batch in watching.batches] == [1]
    assert 'rookery_observer_failures_total{observer="Failing"} 1.0' in house.metrics.render().decode()


async def test_observers_are_called_on_the_event_loop_alone(
    build: Callable[..., House], envelope: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small batches are computed on the loop while tables are in threads: what keeps state is in none of them."""
    watching, sampling = Watching(), set[int]()
    monkeypatch.setattr(FeatureSample, "add", lambda *_: sampling.add(threading.get_ident()))
    house = build(feature_sample_rows=4, observers=[watching])
    await asyncio.gather(*(house.pipeline.accept(envelope(payload)) for payload in payloads()))
    assert {batch.rows > INLINE_ROWS for batch in watching.batches} == {True, False}
    assert watching.threads == sampling == {threading.get_ident()}


async def test_one_event_describes_a_batch(
    build: Callable[..., House], envelope: Callable[..., Envelope]
) -> None:
    """Sizes, outcomes and the durations of its phases; a batch of predict calls is an event too."""
    watching = Watching()
    house = build(observers=[watching])
    await house.pipeline.accept(envelope(b'{"bill_length_mm": [40, -1, 50]}'))
    await house.pipeline.predict(envelope(payloads()[0]))
    stored, asked = watching.batches
    assert (stored.rows, stored.predicted, stored.rejected, stored.retried) == (3, 2, 1, 0)
    assert stored.began <= stored.began + stored.predict_seconds <= stored.ended - stored.write_seconds
    assert [part.rows.shape for part in stored.parts] == [(2, 7)]
    assert (asked.rows, asked.predicted, len(asked.tickets), len(asked.kept)) == (1, 0, 1, 0)


async def test_a_message_that_a_sink_refuses_counts_as_retried(
    build: Callable[..., House], envelope: Callable[..., Envelope]
) -> None:
    """Nothing of it counts as predicted."""
    watching = Watching()
    house = build(observers=[watching])
    house.results.broken = True
    with pytest.raises(Exception, match="broken on purpose"):
        await house.pipeline.accept(envelope(payloads()[0]))
    (batch,) = watching.batches
    assert (batch.predicted, batch.rejected, batch.retried) == (0, 0, 1)


COUNTING = [
    name
    for name, method in inspect.getmembers(Metrics, inspect.isfunction)
    if not name.startswith("_") and inspect.signature(method).return_annotation == "None"
]


@pytest.mark.parametrize("name", COUNTING)
def test_nothing_that_only_counts_raises(name: str) -> None:
    """Requests are refused, models swapped and duplicates joined whatever becomes of their numbers."""
    metrics = broken(Metrics())
    method = getattr(metrics, name)
    wanted = inspect.signature(method).parameters.values()
    placed = [Failing() for each in wanted if each.kind is not each.KEYWORD_ONLY]
    named = {each.name: Failing() for each in wanted if each.kind is each.KEYWORD_ONLY}
    method(*placed, **named)


def test_a_drift_that_fails_costs_a_scrape_nothing_else() -> None:
    """The other metrics are shown, and the failure among them."""
    metrics = Metrics()
    metrics.drift(Drift(1, Failing()))
    for _ in range(2):
        text = metrics.render().decode()
    assert "rookery_batch_rows_count 0.0" in text
    assert 'rookery_observer_failures_total{observer="Drift"}' in text


async def test_a_worker_whose_observers_all_fail_answers_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Over HTTP: 204, 400 and 429 are what they were, and every reading is on the disk."""
    caplog.set_level(logging.INFO)
    for observer in ("metrics.Metrics", "drift.Drift", "health.Health", "batch_log.BatchLog"):
        monkeypatch.setattr(f"rookery.worker.observability.{observer}.__call__", Failing())
    monkeypatch.setattr("prometheus_client.Counter.inc", Failing())
    async with running(settings(tmp_path)) as address, aiohttp.ClientSession(address) as client:
        for nth, payload in enumerate(payloads()):
            async with client.post("/", data=push_body(payload, messageId=f"m{nth}")) as answer:
                assert answer.status == 204
        async with client.post("/", data=b"no envelope") as answer:
            assert answer.status == 400
        async with client.get("/readyz") as answer:
            assert answer.status == 200
    assert len(lines(tmp_path, "results")) == 20 + 60 + 300 + 1000
    assert len(lines(tmp_path, "rejects")) == 1
    failed = [
        record.args
        for record in caplog.records
        if record.name == "rookery.worker.observability.observer_failures"
    ]
    assert sorted(failed, key=str) == [("BatchLog",), ("Drift",), ("Health",), ("Metrics",)]
