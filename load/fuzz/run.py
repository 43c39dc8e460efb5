"""One run of fuzzing: rounds of bodies at a real worker, each checked against the words before the next."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from rookery.load.chaos.process import RestartableProcess
from rookery.load.footprint import Footprint, footprint
from rookery.load.fuzz.bodies import Bodies
from rookery.load.fuzz.client import post_all
from rookery.load.fuzz.expectation import identities
from rookery.load.fuzz.found import Found
from rookery.schemas.envelope import InvalidEnvelopeError, wrapped
from rookery.schemas.rejection import UnusableReadingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rookery.load.fuzz.bodies import Body

PUSH: Final = "/"
PREDICT: Final = "/predict"
EXPECTED: Final = {PUSH: {204, 400}, PREDICT: {200, 422}}
_PREDICT_EVERY: Final = 20
_ROUND: Final = 20_000
_REMEMBERED: Final = 20_000
"""Small enough that the worker's deduplication window is full before its memory is measured."""


@dataclass(slots=True)
class Findings:
    """Counts of answers, and every body that was answered wrongly (the first few of each kind)."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    tracebacks: tuple[str, ...] = ()
    posted: int = 0

    def complain(self, what: str, body: Body) -> None:
        """Note a body that was not treated as it must be."""
        self.wrong.append(f"{what}: {body.kind}: {body.content[:2000]!r}")


@dataclass(frozen=True, slots=True)
class BodySource:
    """Where bodies come from, by a seed, and by what each that is accepted must be found; None where it is no envelope."""

    bodies: Callable[[int], Iterable[Body]] = Bodies
    promised: Callable[[bytes], set[str] | None] = identities


def run(
    seed: int,
    count: int,
    folder: Path,
    *,
    source: BodySource = BodySource(),
    report: Callable[[Findings], None] = lambda _: None,
) -> Findings:
    """Post so many bodies, and tell of each round; raises ProcessFailedError where the worker ends."""
    findings = Findings()
    bodies = iter(source.bodies(seed))
    with RestartableProcess(
        "worker", ["rookery.worker"], folder=folder, settings=settings(folder, "worker")
    ) as worker:
        address = worker.address()
        found = Found(folder)
        while findings.posted < count:
            size = min(_ROUND, count - findings.posted)
            _round(islice(bodies, size), address, findings, found, source.promised)
            findings.footprints.append(footprint(worker.pid))
            report(findings)
        code = worker.end(signal.SIGTERM)
        if code:
            findings.wrong.append(f"the worker ended with {code}")
        findings.tracebacks = tuple(worker.tracebacks)
    return findings


def settings(folder: Path, name: str) -> dict[str, str]:
    """The settings of a worker that writes its results and its ready file into a folder."""
    return {
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": (folder / "predictions").absolute().as_uri(),
        "ROOKERY_REJECTS": (folder / "rejections").absolute().as_uri(),
        "ROOKERY_READY_FILE": str(folder / f"{name}.ready"),
        "ROOKERY_DEDUPLICATION_ROWS": str(_REMEMBERED),
        "ROOKERY_LOG_LEVEL": "ERROR",
    }


def _round(
    bodies: Iterator[Body],
    address: str,
    findings: Findings,
    found: Found,
    promised: Callable[[bytes], set[str] | None],
) -> None:
    accepted: list[Body] = []

    def addressed() -> Iterator[tuple[str, Body]]:
        for nth, body in enumerate(bodies):
            yield (
                (PUSH, body)
                if nth % _PREDICT_EVERY
                else (PREDICT, replace(body, content=_payload(body.content)))
            )

    def answered(path: str, body: Body, status: int) -> None:
        findings.posted += 1
        findings.statuses[f"{path} {status}"] += 1
        if status not in EXPECTED[path] or (
            path == PUSH and (status == 400) != (promised(body.content) is None)  # noqa: PLR2004  HTTP's number
        ):
            findings.complain(f"{path} answered {status}", body)
        elif status == 204:  # noqa: PLR2004  the same
            accepted.append(body)

    asyncio.run(post_all(address, addressed(), answered))
    found.look()
    for body in accepted:
        if missing := (promised(body.content) or set()) - found.identities:
            findings.complain(f"accepted, and {sorted(missing)} are nowhere", body)


def _payload(body: bytes) -> bytes:
    """The payload of a pushed body, or the body itself where it has none."""
    try:
        return wrapped(body).payload
    except (InvalidEnvelopeError, UnusableReadingError):
        return body
