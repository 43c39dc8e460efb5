"""The contract of sinks, tested for every kind: folders, Cloud Storage (three of them) and topics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from tests.worker.sinks.conftest import Place


def _block(key: str, *lines: bytes, at: datetime) -> LineBlock:
    return LineBlock(key=key, lines=lines, written_at=at, published_at=at)


async def test_what_was_written_is_read_back_line_for_line(place: Place, noon: datetime) -> None:
    """A write that returned is there, unchanged, letters of every alphabet included."""
    lines = ['{"island":"Galápagos 🐧"}\n'.encode(), b'{"a":"\\n"}\n']
    sink = await place.sink()
    await sink.write(_block("0a", *lines, at=noon))
    assert sorted(await place.lines()) == sorted(lines)


async def test_a_block_that_is_written_again_leaves_no_second_line(place: Place, noon: datetime) -> None:
    """The second write succeeds, for all is durable already (a topic repeats, and its readers know)."""
    sink = await place.sink()
    first = _block("0a", b'{"a":1}\n', b'{"a":2}\n', at=noon)
    await sink.write(first)
    await sink.write(first)
    found = await place.lines()
    assert sorted(set(found)) == [b'{"a":1}\n', b'{"a":2}\n']
    assert len(found) == (2 if place.writes_once else 4)


async def test_blocks_written_at_once_all_become_durable(place: Place, noon: datetime) -> None:
    """None is lost among twenty, whatever order they take."""
    sink = await place.sink()
    lines = [f'{{"a":{nth}}}\n'.encode() for nth in range(20)]
    await asyncio.gather(*(sink.write(_block(f"{nth:02x}", line, at=noon)) for nth, line in enumerate(lines)))
    assert sorted(await place.lines()) == sorted(lines)


async def test_a_large_block_is_one_write_to_its_caller(place: Place, noon: datetime) -> None:
    """However it is shared out behind, it is durable as a whole (a topic may repeat itself on a slow machine)."""
    lines = [f'{{"a":{nth}}}\n'.encode() for nth in range(900)]
    sink = await place.sink()
    await sink.write(_block("0a", *lines, at=noon))
    found = await place.lines()
    assert set(found) == set(lines)
    assert len(found) == len(lines) or not place.writes_once


async def test_a_place_that_is_not_there_is_said_and_nothing_is_promised(
    place: Place, noon: datetime
) -> None:
    """The caller learns it as the one error that means: try again."""
    sink = await place.nowhere()
    with pytest.raises(SinkUnavailableError):
        await sink.write(_block("0a", b'{"a":1}\n', at=noon))


async def test_a_probe_says_whether_a_write_would_work_and_leaves_nothing(
    place: Place, noon: datetime
) -> None:
    """Before the first write, and beside others: no line, no file, no object, no message."""
    sink = await place.sink()
    await sink.probe()
    await sink.write(_block("0a", b'{"a":1}\n', at=noon))
    await sink.probe()
    assert await place.lines() == [b'{"a":1}\n']
    assert await place.names() in (1, None)


async def test_a_probe_of_a_place_that_is_not_there_says_so(place: Place) -> None:
    """As a write would."""
    sink = await place.nowhere()
    with pytest.raises(SinkUnavailableError):
        await sink.probe()
