"""One run of exchanges: the same connections at a worker of each HTTP path, each answer checked and both compared."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from rookery.load.chaos.process import RestartableProcess
from rookery.load.footprint import footprint
from rookery.load.fuzz.connections import alive
from rookery.load.fuzz.exchanges.client import play_all
from rookery.load.fuzz.exchanges.exchange import Ending
from rookery.load.fuzz.exchanges.generator import Exchanges
from rookery.load.fuzz.found import Found
from rookery.load.fuzz.run import Findings, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rookery.load.fuzz.exchanges.client import Answers
    from rookery.load.fuzz.exchanges.exchange import Exchange

PATHS: Final = {"fast": "true", "slow": "false"}
"""The worker's HTTP paths, and the setting that chooses each."""

_ACCEPTED: Final = 204
_FULL: Final = 429
_ROUND: Final = 10_000
_REMEMBERED: Final = 4_000
"""About as many readings as one round has: the deduplication window is full before memory is measured."""


def run(
    seed: int, count: int, folder: Path, *, report: Callable[[Findings], None] = lambda _: None
) -> Findings:
    """Play so many exchanges at both paths; raises ProcessFailedError where a worker ends."""
    findings = Findings()
    exchanges = iter(Exchanges(seed))
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(name, folder)) for name in PATHS]
        addresses = [worker.address() for worker in workers]
        found = [Found(folder / name) for name in PATHS]
        while findings.posted < count:
            size = min(_ROUND, count - findings.posted)
            _round(list(islice(exchanges, size)), addresses, findings, found)
            findings.footprints.append(footprint(workers[0].pid))
            report(findings)
        for worker in workers:
            if code := worker.end(signal.SIGTERM):
                findings.wrong.append(f"the {worker.name} worker ended with {code}")
        findings.tracebacks = tuple(chain.from_iterable(worker.tracebacks for worker in workers))
    return findings


def _worker(name: str, folder: Path) -> RestartableProcess:
    own = folder / name
    own.mkdir()
    chosen = {
        "ROOKERY_FAST_PATH": PATHS[name],
        "ROOKERY_LOG_LEVEL": "WARNING",
        "ROOKERY_DEDUPLICATION_ROWS": str(_REMEMBERED),
    }
    return RestartableProcess(name, ["rookery.worker"], folder=own, settings=settings(own, name) | chosen)


def _round(
    exchanges: Sequence[Exchange], addresses: list[str], findings: Findings, found: list[Found]
) -> None:
    promises: list[list[tuple[Exchange, frozenset[str]]]] = [[] for _ in addresses]

    def answered(exchange: Exchange, answers: list[Answers | None]) -> None:
        for name, came, promised in zip(PATHS, answers, promises, strict=True):
            findings.wrong += [f"{name}: {complaint}: {exchange}" for complaint in complaints(exchange, came)]
            statuses = () if came is None else came.statuses
            findings.statuses.update(f"{name} {status}" for status in statuses or ("no answer",))
            promised.extend((exchange, each) for each in exchange.accepted[: statuses.count(_ACCEPTED)])
        if (differing := difference(exchange, answers)) is not None:
            findings.wrong.append(f"the paths differ, {differing}: {exchange}")

    asyncio.run(play_all(addresses, iter(exchanges), answered))
    findings.posted += len(exchanges)
    # A worker takes a valid push after every round.
    asyncio.run(play_all(addresses, iter([alive(findings.posted)]), answered))
    for name, place, promised in zip(PATHS, found, promises, strict=True):
        place.look()
        for exchange, identities in promised:
            if missing := identities - place.identities:
                findings.wrong.append(f"{name}: accepted, and {sorted(missing)} are nowhere: {exchange}")


def complaints(exchange: Exchange, came: Answers | None) -> list[str]:
    """The faults of the answers to an exchange."""
    if came is None:
        return ["no answer in time"]
    said = [f"answered {status}" for status in came.statuses if status >= 500]  # noqa: PLR2004  the server's errors
    if came.statuses.count(_ACCEPTED) > len(exchange.accepted):
        said.append("accepted what holds nothing to accept")
    if exchange.expected is None or said:
        return said
    statuses = came.statuses[: len(exchange.expected)]
    fits = len(statuses) == len(exchange.expected) and all(
        status in expected for status, expected in zip(statuses, exchange.expected, strict=True)
    )
    wanted = "; ".join(" or ".join(map(str, sorted(each)[:3])) for each in exchange.expected)
    return [] if fits else [f"answered {statuses}, not {wanted}"]


def difference(exchange: Exchange, answers: Sequence[Answers | None]) -> str | None:
    """Say how the first answers of the two paths differ, where both must have one and neither was too busy."""
    if exchange.ending is Ending.RESET or None in answers:
        return None
    firsts = [each.statuses[0] if each is not None and each.statuses else None for each in answers]
    return None if len(set(firsts)) == 1 or _FULL in firsts else f"{firsts[0]} and {firsts[1]}"
