"""Stopping: a worker ends after SIGTERM, whichever of its threads hangs, and logs "stopped" where all is done."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from rookery.worker.runtime.stopping import stop_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HANGING = """
from rookery.worker.__main__ import main
import asyncio, sys, threading
import rookery.worker.app, rookery.worker.models.source, rookery.worker.sinks.folder

def hang(*_):
    print("hangs", file=sys.stderr, flush=True)
    threading.Event().wait()

{setup}
sys.exit(main())
"""

A_POOLED_THREAD = """
real = rookery.worker.app.own_threads
def own_threads():
    threads = real()
    threads.submit(hang)
    return threads
rookery.worker.app.own_threads = own_threads
"""
THE_LOOP = """
real = rookery.worker.app.own_threads
def own_threads():
    asyncio.get_running_loop().call_later(0, hang)
    return real()
rookery.worker.app.own_threads = own_threads
"""
A_CHECK_OF_THE_MODEL = """
real = rookery.worker.models.source.FileModelSource.version
looks = []
def version(self):
    return hang() if looks else looks.append(1) or real(self)
rookery.worker.models.source.FileModelSource.version = version
"""
A_START = "rookery.worker.models.source.FileModelSource.fetch = hang"
A_SINK_THAT_CLOSES = """
async def close(self):
    await asyncio.to_thread(hang)
rookery.worker.sinks.folder.FolderSink.close = close
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a worker in which something hangs, as the setup says."""
    started: list[subprocess.Popen[str]] = []

    def _start(setup: str) -> subprocess.Popen[str]:
        environment = os.environ | {
            "ROOKERY_PORT": "0",
            "ROOKERY_RESULTS": f"file://{tmp_path}/results",
            "ROOKERY_REJECTS": f"file://{tmp_path}/rejects",
            "ROOKERY_DRAIN_SECONDS": "0.5",
            "ROOKERY_MODEL_REFRESH_SECONDS": "0.05",
            "ROOKERY_LOG_FORMAT": "json",
        }
        words = [sys.executable, "-c", HANGING.format(setup=setup)]
        started.append(process := subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True))
        return process

    yield _start
    for process in started:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


def until(process: subprocess.Popen[str], *wanted: str) -> None:
    """Read what a worker says until it has said all of this."""
    assert process.stderr
    missing = set(wanted)
    while missing:
        said = process.stderr.readline()
        assert said, missing
        missing -= {each for each in missing if each in said}


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Tell a worker to end; gives its exit code and what it said meanwhile."""
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=50)
    messages: list[Any] = [json.loads(line)["message"] for line in said.splitlines() if line.startswith("{")]
    return process.returncode, messages


@pytest.mark.parametrize(
    "setup", [A_POOLED_THREAD, A_CHECK_OF_THE_MODEL], ids=["a pooled thread", "a check of the model"]
)
def test_a_thread_that_hangs_does_not_keep_a_worker_that_is_done(start: Any, setup: str) -> None:
    """All that was taken is answered: it stops in order, with 0, and waits for nothing that hangs."""
    process = start(setup)
    until(process, "hangs", '"ready"')
    code, said = ended(process)
    assert (code, said[:2]) == (0, ["draining", "stopped"])


@pytest.mark.parametrize(
    "setup", [THE_LOOP, A_SINK_THAT_CLOSES, A_START], ids=["the loop", "a sink", "a start"]
)
def test_a_worker_that_cannot_end_in_order_ends_in_its_time(start: Any, setup: str) -> None:
    """Where the loop itself hangs, a sink as it is closed, or a start, the exit code says that something is unfinished."""
    process = start(setup)
    until(process, '"ready"' if setup == A_SINK_THAT_CLOSES else "hangs")
    code, said = ended(process)
    assert (code, said[-1]) == (3, "did not stop in time: what was not acknowledged will be redelivered")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_sets_the_event_and_handlers_are_as_before_afterwards(number: signal.Signals) -> None:
    """Inside, the event is set and nothing else happens, however often; outside, mask and handlers are what they were."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGTERM)
    for _ in range(3):
        with stop_signal(8.0) as stopping:
            os.kill(os.getpid(), number)
            async with asyncio.timeout(10):
                await stopping.wait()
            os.kill(os.getpid(), number)
    with stop_signal(8.0) as stopping:
        assert not stopping.is_set()
    assert (signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGTERM)) == before
    assert "signals" not in {each.name for each in threading.enumerate()}
