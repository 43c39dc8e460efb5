"""Programs that run and answer nothing."""

from __future__ import annotations

import io
import os
import signal
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from rookery.station import liveness
from rookery.station.liveness import LivenessCheck, alive
from rookery.station.log import StationLog
from rookery.station.supervised_process import ProcessEnded, ProcessReady, SupervisedProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "EVERY_S", 0.05)
    monkeypatch.setattr(liveness, "ANSWERS_WITHIN_S", 0.2)
    monkeypatch.setattr(liveness, "MOST_FAILURES", 3)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[SupervisedProcess, StationLog, SimpleQueue[Any]]]:
    """A ready broker, the log, and the broker's events."""
    with StationLog(tmp_path / "log", stream=io.StringIO()) as log:
        arguments = ["--memory", "--port", "0", "--ready-file", str(tmp_path / "broker.ready")]
        process = SupervisedProcess("broker", "rookery.broker", *arguments, run=tmp_path, log=log)
        events: SimpleQueue[Any] = SimpleQueue()
        process.launch(events)
        try:
            assert events.get(timeout=50) == ProcessReady(process)
            yield process, log, events
        finally:
            process.stop(signal.SIGKILL)


@pytest.mark.usefixtures("quick")
def test_a_program_that_hangs_is_killed(
    broker: tuple[SupervisedProcess, StationLog, SimpleQueue[Any]],
) -> None:
    """A program that is stopped, or hangs, ends by SIGKILL after some probes without an answer, and its log says why."""
    process, log, events = broker
    where = f"{process.address()}/"
    os.kill(process.pid, signal.SIGSTOP)
    with LivenessCheck({process: where}, log):
        assert events.get(timeout=50) == ProcessEnded(process, -signal.SIGKILL)


def test_a_program_is_alive_by_its_answer(
    broker: tuple[SupervisedProcess, StationLog, SimpleQueue[Any]],
) -> None:
    """200 is alive; another status, a port that nothing listens on and no HTTP at all are not."""
    process, _, _ = broker
    address = process.address()
    assert alive(f"{address}/")
    assert not alive(f"{address}/nothing")
    process.stop(signal.SIGKILL)
    assert not alive(f"{address}/")


@pytest.mark.usefixtures("quick")
def test_a_program_that_answers_late_now_and_then_is_left_alone(
    broker: tuple[SupervisedProcess, StationLog, SimpleQueue[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only failures in a row count: two of three probes may fail for ever."""
    process, log, _ = broker
    answers, enough = iter([False, False, True] * 5), SimpleQueue[None]()

    def answered(_where: str) -> bool:
        answer = next(answers, None)
        if answer is None:
            enough.put(None)
        return answer is not False

    monkeypatch.setattr(liveness, "alive", answered)
    with LivenessCheck({process: "asked"}, log):
        enough.get(timeout=50)
    assert process.code is None
