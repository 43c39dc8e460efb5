"""How many CPUs there are: what the machine shows, and what the container may use of it."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from rookery.worker.app import SPARE_THREADS, own_threads
from rookery.worker.runtime.cpus import cpus

if TYPE_CHECKING:
    from pathlib import Path

ALL = len(os.sched_getaffinity(0))
HALF_OF_ONE = [
    {"cpu.max": "50000 100000\n"},
    {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"},
]
NO_LIMIT = [
    {},
    {"cpu.max": "max 100000\n"},
    {"cpu.max": "\n"},
    {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
    {"cpu/cpu.cfs_quota_us": "50000\n"},
    {"cpu.max": "100000000 100000\n"},
]


def container(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("files", HALF_OF_ONE, ids=str)
def test_a_part_of_a_cpu_is_one(files: dict[str, str], tmp_path: Path) -> None:
    """In both versions of Linux's control groups, whatever the machine has."""
    assert cpus(container(tmp_path, files)) == 1


@pytest.mark.parametrize("files", NO_LIMIT, ids=str)
def test_without_a_limit_it_is_what_the_process_may_run_on(files: dict[str, str], tmp_path: Path) -> None:
    """No container, none of its files readable, or a share beyond the machine."""
    assert cpus(container(tmp_path, files)) == ALL


async def test_the_threads_that_work_is_handed_to_are_bounded_by_it() -> None:
    """Many calls at once get a thread for each CPU and a few that only wait, and no more."""
    own_threads()
    bound = cpus() + SPARE_THREADS
    together = threading.Barrier(bound)

    def works() -> str:
        together.wait(timeout=10)
        return threading.current_thread().name

    threads = await asyncio.gather(*(asyncio.to_thread(works) for _ in range(10 * bound)))
    assert len(set(threads)) == bound
