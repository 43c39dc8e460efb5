"""Threads with long work give way: the scheduler prefers the event loop, and slices of work let it in between."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from rookery.worker.app import own_threads
from rookery.worker.runtime.thread_priority import NICE, give_way, step_aside


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
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
