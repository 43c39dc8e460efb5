"""One run of fuzzing: rounds of bodies at a real worker, each checked against the words before the next."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from load.chaos.process import Process
from load.footprint import Footprint, footprint
from load.fuzz.bodies import Bodies
from load.fuzz.client import post_all
from load.fuzz.expectation import identities
from load.results import predictions, rejections
from schemas.envelope import NotAnEnvelope, wrapped
from schemas.rejection import Unusable
from schemas.segment import OPEN, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from load.fuzz.bodies import Body

PUSH: Final = "/"
PREDICT: Final = "/predict"
EXPECTED: Final = {PUSH: {204, 400}, PREDICT: {200, 422}}
_PREDICT_EVERY: Final = 20
_ROUND: Final = 50_000
_SEALED_AFTER_S: Final = 1.5
_REMEMBERED: Final = 20_000
"""Small enough that the worker's window of duplicates is full before its memory is looked at."""


@dataclass(slots=True)
class Findings:
    """What was answered how often, and every body that was not answered as it must be (the first few of each kind)."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    tracebacks: tuple[str, ...] = ()
    posted: int = 0

    def complain(self, what: str, body: Body) -> None:
        """Note a body that was not treated as it must be."""
        self.wrong.append(f"{what}: {body.kind}: {body.content[:2000]!r}")


def run(
    seed: int, count: int, folder: Path, *, told: Callable[[Findings], None] = lambda _: None
) -> Findings:
    """Post so many bodies, and tell of each round; raises load.chaos.process.Broken where the worker ends."""
    findings = Findings()
    bodies = iter(Bodies(seed))
    settings = {
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": (folder / "predictions").absolute().as_uri(),
        "ROOKERY_REJECTS": (folder / "rejections").absolute().as_uri(),
        "ROOKERY_READY_FILE": str(folder / "worker.ready"),
        "ROOKERY_DUPLICATES_COUNT": str(_REMEMBERED),
        "ROOKERY_LOG_LEVEL": "ERROR",
    }
    with Process("worker", ["worker"], folder=folder, settings=settings) as worker:
        address = worker.ready_file.read_text()
        found = _Found(folder)
        while findings.posted < count:
            size = min(_ROUND, count - findings.posted)
            _round(islice(bodies, size), address, findings, found)
            findings.footprints.append(footprint(worker.pid))
            told(findings)
        code = worker.end(signal.SIGTERM)
        if code:
            findings.wrong.append(f"the worker ended with {code}")
        findings.tracebacks = tuple(worker.tracebacks)
    return findings


def _round(bodies: Iterator[Body], address: str, findings: Findings, found: _Found) -> None:
    accepted: list[Body] = []

    def addressed() -> Iterator[tuple[str, Body]]:
        for nth, body in enumerate(bodies):
            yield (
                (PUSH, body)
                if nth % _PREDICT_EVERY
                else (PREDICT, replace(body, content=_payload(body.content)))
            )

    def told(path: str, body: Body, status: int) -> None:
        findings.posted += 1
        findings.statuses[f"{path} {status}"] += 1
        if status not in EXPECTED[path] or (
            path == PUSH and (status == 400) != (identities(body.content) is None)  # noqa: PLR2004  HTTP's number
        ):
            findings.complain(f"{path} answered {status}", body)
        elif status == 204:  # noqa: PLR2004  the same
            accepted.append(body)

    asyncio.run(post_all(address, addressed(), told))
    found.look()
    for body in accepted:
        if missing := (identities(body.content) or set()) - found.identities:
            findings.complain(f"accepted, and {sorted(missing)} are nowhere", body)


def _payload(body: bytes) -> bytes:
    """What a pushed body carries, or the body itself where it carries nothing."""
    try:
        return wrapped(body).payload
    except (NotAnEnvelope, Unusable):
        return body


class _Found:
    """The identities of all predictions and rejections so far; what was read is removed, for it would fill the disk."""

    def __init__(self, folder: Path) -> None:
        self.identities: set[str] = set()
        self._folders = (predictions(folder / "predictions"), rejections(folder / "rejections"))

    def look(self) -> None:
        time.sleep(_SEALED_AFTER_S)
        for folder in self._folders:
            self.identities.update(line.reading_id for line in folder.fresh())
            for file in segments(folder.path):
                if not file.name.startswith(OPEN):
                    file.unlink()
