"""A station as a real process over a folder of a test."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psutil

from rookery.load.accounting.folder_results import predictions, rejections
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.topics import LOCAL_TOPIC
from tools.station_trial import StationProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


READY_S: Final = 100.0
"""Seconds for a start or a restart on a machine that much else wants to run on."""


class RunningStation(StationProcess):
    """A station with what tests ask of it."""

    def __init__(self, root: Path, *options: str) -> None:
        super().__init__(root, *options)
        # A compiled forest gives the same answers, and costs each start seconds of CPU.
        self._environment["ROOKERY_COMPILED_FOREST"] = "off"

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Wait until so many lines hold a text."""
        self.wait_until(lambda: sum(text in line for line in self.lines()) >= times, within_s=READY_S)

    def results(self) -> list[str]:
        """The ids of all readings with a result so far, duplicates included."""
        found = (predictions(self.data / "results/predictions"), rejections(self.data / "results/rejections"))
        return [line.reading_id for kind in found for line in kind.every()]


@contextmanager
def station(root: Path, *options: str) -> Iterator[RunningStation]:
    """A station that is ready; it is stopped at the end, unless it has ended."""
    root.mkdir(exist_ok=True)
    with RunningStation(root, *options) as running:
        running.address(within_s=READY_S)
        yield running


def publish(address: str, ids: Sequence[str]) -> None:
    """Publish a reading for each id, and return once the broker has taken all."""
    with ReadingPublisher(LOCAL_TOPIC, settings=PublisherSettings(broker=address)) as publisher:
        receipts = [
            publisher.publish_payload(json.dumps({"body_mass_g": 4000, "reading_id": each}).encode())
            for each in ids
        ]
        for receipt in receipts:
            receipt.result()


def gone(pids: Sequence[int]) -> bool:
    """Wait until none of these processes is left."""
    left = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(left, timeout=10)
    return not alive


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    return [each.pid for each in psutil.Process(pid).children(recursive=True) if each.pid != os.getpid()]
