"""CoalescingSink: one write for many blocks, at the pace that the sink behind allows."""

from __future__ import annotations

import asyncio
import random
import selectors
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from rookery.schemas.envelope import Envelope
from rookery.worker.settings import Settings
from rookery.worker.sinks.coalescing import CoalescingSink, RateLimit
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError, block_key, merged
from rookery.worker.testing import MemorySink

if TYPE_CHECKING:
    from collections.abc import Coroutine

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
NEVER = 3600.0
"""An interval that no test waits for: who depends on it runs into the test's timeout."""


def block(nth: int, lines: int = 1) -> LineBlock:
    return LineBlock(key=f"{nth:032x}", lines=[f"{nth}\n".encode()] * lines, written_at=NOON)


class Jumping(selectors.SelectSelector):
    """Waits for nothing: time jumps to the next timer where nothing else is to be done."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


def virtually(test: Coroutine[Any, Any, None]) -> None:
    """Run a test in virtual time, which the machine's load cannot stretch."""

    def loop() -> asyncio.AbstractEventLoop:
        time = Jumping()
        virtual = asyncio.SelectorEventLoop(time)
        virtual.time = lambda: time.now  # type: ignore[method-assign]
        return virtual

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(test)


async def test_an_idle_sink_is_written_to_at_once() -> None:
    """No write waits for an interval that is long over."""
    sink = MemorySink()
    await CoalescingSink(sink, RateLimit(interval_seconds=NEVER)).write(block(1))
    assert sink.lines == [b"1\n"]


async def test_blocks_that_come_within_the_interval_share_one_write() -> None:
    """Ten messages, two writes: the first goes at once, the others together."""
    sink = MemorySink()
    coalescing = CoalescingSink(sink, RateLimit(interval_seconds=0.05, burst=1))
    await coalescing.write(block(0))
    await asyncio.gather(*(coalescing.write(block(nth)) for nth in range(1, 10)))
    assert [len(each.lines) for each in sink.blocks] == [1, 9]


class Slow(MemorySink):
    """Takes a tenth of a second for each write, and notes when it began."""

    SECONDS = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    async def write(self, block: LineBlock) -> None:
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.SECONDS)  # the loop of the test keeps virtual time
        await super().write(block)


def test_writes_begin_an_interval_apart() -> None:
    """However fast the blocks come."""
    sink = Slow()

    async def load() -> None:
        coalescing = CoalescingSink(
            sink, RateLimit(interval_seconds=0.5, burst=1), clock=asyncio.get_running_loop().time
        )

        async def sender(first: int) -> None:
            for nth in range(first, first + 5):
                await coalescing.write(block(nth))

        await asyncio.gather(*(sender(10 * nth) for nth in range(4)))

    virtually(load())
    assert sink.times == pytest.approx([0.5 * nth for nth in range(5)])


def test_at_load_objects_are_few_and_no_reading_waits_long() -> None:
    """A thousand readings at 400 a second: 20 objects at most, and none waits longer than an interval and a write."""
    settings, sink = Settings(), Slow()
    waited: list[float] = []

    async def load() -> None:
        clock = asyncio.get_running_loop().time
        pace = RateLimit(interval_seconds=settings.flush_interval_seconds, enough_lines=settings.flush_rows)
        coalescing = CoalescingSink(sink, pace, clock=clock)

        async def reading(nth: int) -> None:
            # Virtual time: when the reading comes.
            await asyncio.sleep(nth / 400)
            due = clock()
            await coalescing.write(block(nth))
            waited.append(clock() - due)

        await asyncio.gather(*(reading(nth) for nth in range(1_000)))

    virtually(load())
    assert len(sink.lines) == len(waited) == 1_000
    assert len(sink.blocks) <= 20
    assert max(waited) <= settings.flush_interval_seconds + Slow.SECONDS + 1e-6


async def test_a_sink_that_was_idle_does_not_wait_for_the_first_writes_of_a_burst() -> None:
    """So a push window opens at the sink's own speed; then the interval holds."""
    now = 100.0
    sink = MemorySink()
    coalescing = CoalescingSink(sink, RateLimit(interval_seconds=NEVER, burst=3), clock=lambda: now)
    for nth in range(3):
        await coalescing.write(block(nth))
    fourth = asyncio.create_task(coalescing.write(block(3)))
    await asyncio.sleep(0)
    assert coalescing._wait() == NEVER
    now += NEVER
    await coalescing.write(block(4, lines=200))
    await fourth
    assert [len(each.lines) for each in sink.blocks] == [1, 1, 1, 201]


async def test_enough_lines_do_not_wait() -> None:
    """A block that is large enough is written at once, and delays none behind it: tables are not held up."""
    sink = MemorySink()
    coalescing = CoalescingSink(sink, RateLimit(interval_seconds=NEVER, burst=1, enough_lines=10))
    await coalescing.write(block(0, lines=10))
    await coalescing.write(block(0))
    await asyncio.gather(*(coalescing.write(block(nth)) for nth in range(1, 11)))
    await coalescing.write(block(11, lines=10))
    assert [len(each.lines) for each in sink.blocks] == [10, 1, 10, 10]


async def test_a_write_holds_no_more_than_the_most() -> None:
    """A jam leaves in pieces, in its order, and a block is never torn."""
    sink = MemorySink()
    sink.gate.clear()
    coalescing = CoalescingSink(sink, RateLimit(most_lines=5, at_once=1))
    writes = [asyncio.create_task(coalescing.write(block(nth, lines=2))) for nth in range(6)]
    await sink.waiting.wait()
    sink.gate.set()
    await asyncio.gather(*writes)
    assert [len(each.lines) for each in sink.blocks] == [4, 4, 4]


async def test_no_more_writes_are_in_flight_than_allowed() -> None:
    """The sink behind is never asked more than it can bear."""
    in_flight, most = 0, 0

    class Counting(MemorySink):
        async def write(self, block: LineBlock) -> None:
            nonlocal in_flight, most
            in_flight += 1
            most = max(most, in_flight)
            await asyncio.sleep(0)
            await super().write(block)
            in_flight -= 1

    coalescing = CoalescingSink(Counting(), RateLimit(at_once=3, most_lines=1))
    await asyncio.gather(*(coalescing.write(block(nth)) for nth in range(20)))
    assert most == 3


async def test_a_write_that_fails_is_raised_in_its_callers_and_no_others() -> None:
    """The next write goes on."""
    sink = MemorySink()
    sink.broken = True
    coalescing = CoalescingSink(sink, RateLimit())
    outcomes = await asyncio.gather(
        *(coalescing.write(block(nth)) for nth in range(3)), return_exceptions=True
    )
    assert [type(each) for each in outcomes] == [SinkUnavailableError] * 3
    sink.broken = False
    await coalescing.write(block(4))
    assert sink.lines == [b"4\n"]


async def test_a_defect_of_the_sink_is_raised_too() -> None:
    """No caller waits for ever after any exception."""

    class Defective(MemorySink):
        async def write(self, block: LineBlock) -> None:
            raise ZeroDivisionError(block.key)

    with pytest.raises(ZeroDivisionError):
        await CoalescingSink(Defective(), RateLimit()).write(block(1))


@pytest.mark.parametrize("leaving", range(3))
async def test_who_leaves_takes_nothing_from_the_others(leaving: int) -> None:
    """A cancelled caller's block is written all the same, with its neighbours'."""
    sink = MemorySink()
    sink.gate.clear()
    coalescing = CoalescingSink(sink, RateLimit())
    writes = [asyncio.create_task(coalescing.write(block(nth))) for nth in range(3)]
    await sink.waiting.wait()
    writes[leaving].cancel()
    sink.gate.set()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(each is None for each in outcomes) == 2
    assert len(sink.lines) == 3


async def test_closing_waits_for_the_writes_in_flight() -> None:
    """The last write is not cut off."""
    sink = MemorySink()
    coalescing = CoalescingSink(sink, RateLimit())
    writing = asyncio.create_task(coalescing.write(block(1)))
    await sink.waiting.wait()
    await coalescing.close()
    assert sink.lines == [b"1\n"]
    await writing


def test_blocks_merged_in_any_way_have_the_key_of_one_batch() -> None:
    """Redelivered messages have an object of the same name, in any order and share."""
    messages = [Envelope(message_id=f"m{nth}", data=f"{nth}", published_at=NOON) for nth in range(9)]
    whole = block_key(messages)
    chance = random.Random(7)  # noqa: S311  seeded, so that a failure is reproducible
    for _ in range(20):
        chance.shuffle(messages)
        cuts = sorted(chance.sample(range(1, 9), 2))
        parts = [messages[: cuts[0]], messages[cuts[0] : cuts[1]], messages[cuts[1] :]]
        blocks = [LineBlock(key=block_key(part), lines=[b"x\n"], written_at=NOON) for part in parts]
        assert merged(blocks).key == whole
    assert block_key(messages[:8]) != whole


def test_merged_blocks_keep_each_line_beside_its_trace() -> None:
    """A block without traces stands beside one that has them."""
    traced = LineBlock(key="01", lines=[b"1\n"], written_at=NOON, traces=[{"traceparent": "t"}])
    plain = LineBlock(key="02", lines=[b"2\n", b"3\n"], written_at=NOON)
    both = merged([plain, traced])
    assert list(zip(both.lines, both.traces, strict=True)) == [
        (b"2\n", {}),
        (b"3\n", {}),
        (b"1\n", {"traceparent": "t"}),
    ]
    assert merged([plain, plain]).traces == ()
