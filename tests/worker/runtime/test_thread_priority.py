"""Threads with long work give way: the scheduler prefers the event loop, and slices of work let it in between."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.envelope import Envelope
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import own_threads
from rookery.worker.runtime.thread_priority import NICE, give_way, step_aside
from rookery.worker.sinks.folder import SMALL_LINES, FolderSink
from rookery.worker.sinks.protocol import LineBlock
from rookery.worker.testing import RuleClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conftest import House
    from numpy.typing import NDArray

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@only_linux
async def test_threads_that_work_is_handed_to_are_nicer_than_the_loop() -> None:
    """The loop keeps its own priority."""
    before = niceness()
    own_threads()
    assert await asyncio.to_thread(niceness) == max(before, NICE)
    assert niceness() == before


@pytest.mark.skipif(not hasattr(os, "sched_yield"), reason="this system knows no stepping aside")
def test_only_who_gives_way_steps_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop never waits for anybody, whatever it calls."""
    waited: list[str] = []
    monkeypatch.setattr(os, "sched_yield", lambda: waited.append(threading.current_thread().name))
    step_aside()

    def works() -> None:
        step_aside()
        give_way()
        step_aside()

    thread = threading.Thread(target=works, name="works")
    thread.start()
    thread.join()
    assert waited == ["works"]


@only_linux
async def test_tables_are_answered_in_one_thread_that_is_nicer_than_the_loop(
    build: Callable[..., House],
) -> None:
    """However many threads read them: what one batch leaves in the processor's cache is there for the next one."""
    threads: list[tuple[int, int]] = []

    def rule(rows: NDArray[np.float32]) -> NDArray[np.intp]:
        threads.append((threading.get_ident(), niceness()))
        return np.zeros(len(rows), np.intp)

    house = build(RuleClassifier(rule=rule))
    tables = [encode(ReadingFactory(nth).table(rows)) for nth, rows in enumerate((300, 4_000) * 3)]
    await asyncio.gather(
        *(house.pipeline.accept(Envelope(f"m{nth}", body=table)) for nth, table in enumerate(tables[:4]))
    )
    for nth, table in enumerate(tables[4:]):
        await house.pipeline.accept(Envelope(f"n{nth}", body=table))
    await house.pipeline.drain()
    assert len(house.predictions) == 3 * 4_300
    assert len(threads) > 1
    ((thread, nice),) = {*threads}
    assert thread != threading.get_ident()
    assert nice == max(niceness(), NICE)


@only_linux
async def test_what_waits_for_the_disk_is_no_nicer_than_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large block goes to the disk while tables are read and answered; neither has to wait for the other."""
    threads: list[tuple[str, int]] = []
    write = os.pwritev

    def writing(descriptor: int, pieces: Sequence[bytes | memoryview], place: int) -> int:
        threads.append((threading.current_thread().name, niceness()))
        return write(descriptor, pieces, place)

    monkeypatch.setattr(os, "pwritev", writing)
    sink = FolderSink(tmp_path)
    lines = [b'{"nth":%d}\n' % nth for nth in range(SMALL_LINES + 1)]
    await sink.write(LineBlock(key="large", lines=lines, written_at=datetime(2026, 11, 23, 12, tzinfo=UTC)))
    await sink.close()
    assert threads == [("folder-sink_0", niceness())]
