"""Hostile connections: the worker's memory and files after them, and checks that find leaks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rookery.load.footprint import Footprint
from rookery.load.hostile.hostility import LEFT_BYTES, LEFT_FILES, Hostility, Left
from rookery.load.hostile.run import Outcome, Plan, run
from rookery.load.hostile.sorts import SORTS, Sort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOARDER = """
import asyncio, sys
kept = []
async def hoard(reader, writer):
    kept.append(writer)
    try:
        while piece := await reader.read(65536):
            kept.append(piece)
            writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    except OSError:
        pass
async def main():
    server = await asyncio.start_server(hoard, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
BEFORE = Footprint(100_000_000, 20)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "slow path"])
def test_a_worker_holds_after_hostile_connections_what_it_held_before(
    tmp_path: Path, *, fast_path: bool
) -> None:
    """Of every sort: memory and open files come back, a plain push beside them is taken, nothing is a traceback."""
    outcome = run(Plan(sorts=SORTS, count=60, at_once=60, fast_path=fast_path), tmp_path)
    assert outcome.violations == []
    assert [each.sort for each in outcome.lefts] == [each.name for each in SORTS]


@pytest.fixture
def hoarder() -> Iterator[tuple[str, int]]:
    """A server that answers all, and keeps all."""
    with subprocess.Popen([sys.executable, "-c", HOARDER], stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", process.pid
        process.kill()


def test_a_server_that_keeps_what_it_gets_is_found(hoarder: tuple[str, int]) -> None:
    """Its memory stays, and it never closes what a client leaves open."""
    unfinished = Sort("unfinished", lambda _: (b"POST / HTTP/1.1\r\n\r\n", bytes(1_000_000)))
    hostility = Hostility(*hoarder, at_once=20, settles_within_s=0.5)
    left = asyncio.run(hostility.attack(unfinished, 60, left_open=2, outwait_s=0.5))
    assert left.connections == 60
    assert left.beside is not None
    assert left.most.files - left.before.files >= 20
    # Its files are the kernel's to close, where a client resets a connection.
    memory, *_, never = left.violations
    assert memory.endswith("MB are not given back")
    assert never == "connections that the client leaves open are never closed"


@pytest.mark.parametrize(
    ("after", "beside", "open_after_s", "said"),
    [
        (Footprint(BEFORE.resident + LEFT_BYTES, BEFORE.files + LEFT_FILES), 0.1, 0.0, []),
        (Footprint(BEFORE.resident + LEFT_BYTES + 1, 20), 0.1, 0.0, ["20 MB are not given back"]),
        (Footprint(BEFORE.resident, BEFORE.files + LEFT_FILES + 1), 0.1, 0.0, ["9 files stay open"]),
        (BEFORE, None, 0.0, ["a plain push was not taken meanwhile"]),
        (BEFORE, 0.1, None, ["connections that the client leaves open are never closed"]),
    ],
)
def test_the_leftovers_of_a_sort_are_checked(
    after: Footprint, beside: float | None, open_after_s: float | None, said: list[str]
) -> None:
    """Memory, files, a neighbour, and patience."""
    assert Left("x", 1, BEFORE, BEFORE, after, beside, open_after_s).violations == said


def test_a_little_of_each_sort_is_a_leak_too() -> None:
    """Growth over all sorts is found where no single sort shows it."""
    steps = [Footprint(BEFORE.resident + nth * 9_000_000, 20) for nth in range(4)]
    lefts = [Left(f"{nth}", 1, steps[nth], steps[nth], steps[nth + 1], 0.1) for nth in range(3)]
    assert Outcome(BEFORE, lefts[:2]).violations == []
    assert Outcome(BEFORE, lefts).violations == ["after all of them 27 MB are not given back"]


def test_every_sort_can_be_made_again_and_again() -> None:
    """Each has a name of its own, and what it writes differs where a worker would remember it."""
    assert len({each.name for each in SORTS}) == len(SORTS) > 20
    for sort in SORTS:
        assert all(isinstance(piece, bytes) for piece in sort.make(1))
    heads = next(each for each in SORTS if each.name == "large heads")
    assert heads.make(1) != heads.make(2)
