"""Single readings that came together are taken in one step: all of them, or each is asked for by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import Batcher, QueueLimits
from rookery.worker.batching.deduplication import DeduplicationWindow
from rookery.worker.errors import DefectError, QueueFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from rookery.schemas.envelope import Envelope
    from rookery.worker.batching.ticket import Ticket
    from tests.worker.conftest import House

    Wrap = Callable[..., Envelope]

BOUNDS = QueueLimits(batch_rows=8, queue_rows=10, queue_bytes=100, deadline_seconds=10)


def penguin(reading_id: str) -> bytes:
    return encode(ReadingFactory(1).reading(reading_id=reading_id))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def batcher(clock: Clock, *, lasts: float = 0.0) -> Batcher[str]:
    async def answers(tickets: Sequence[Ticket[str]]) -> None:
        clock.now += lasts
        for ticket in tickets:
            ticket.resolve(ticket.item.upper())

    return Batcher(answers, bounds=BOUNDS, clock=clock)


async def test_what_came_together_is_taken_and_answered_together() -> None:
    """Each item has its own ticket, and is counted until it is answered."""
    taking = batcher(Clock())
    tickets = taking.submit_all(["a", "b"], [3, 4])
    assert (taking.rows, taking.size) == (2, 7)
    assert [await ticket for ticket in tickets] == ["A", "B"]
    await taking.drain()
    assert (taking.rows, taking.size) == (0, 0)


async def test_where_not_all_may_be_taken_none_is() -> None:
    """Too many, too large, too slow or on the way down: nothing is counted of what was not taken."""
    clock = Clock()
    taking = batcher(clock, lasts=100.0)
    assert taking.submit_all([*"abcdefghijk"], [1] * 11) == []
    assert taking.submit_all(["a", "b"], [60, 60]) == []
    assert (taking.rows, taking.size) == (0, 0)
    (first,) = taking.submit_all(["a"], [1])
    assert await first == "A"
    # A batch takes 30 s at the pace that the last one made.
    assert taking.submit_all(["a", "b"], [1, 1]) == []
    assert await taking.submit("a", 1, 1) == "A"
    taking.refuse()
    assert taking.submit_all(["a"], [1]) == []


async def test_messages_that_came_together_are_taken_until_the_queue_is_full(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """A full queue refuses the last messages, not all."""
    house = build(bounds=QueueLimits(batch_rows=2, queue_rows=2, queue_bytes=10_000))
    outcomes: list[list[object]] = [[] for _ in range(4)]
    penguin = json.dumps({"bill_length_mm": 40}).encode()
    house.pipeline.enqueue([(envelope(penguin), each.append) for each in outcomes])
    await house.pipeline.drain()
    assert outcomes[:2] == [[None], [None]]
    assert [[type(each) for each in one] for one in outcomes[2:]] == [[QueueFullError], [QueueFullError]]
    assert [line["message_id"] for line in house.predictions] == ["m1", "m2"]


async def test_readings_that_came_with_tables_and_rubbish_get_their_own(house: House, envelope: Wrap) -> None:
    """Each message is answered once, with any others beside it."""
    payloads = [
        {"bill_length_mm": 40},
        {"bill_length_mm": [41, 42]},
        {"bill_length_mm": -1},
        {"bill_length_mm": 43},
    ]
    outcomes: list[list[object]] = [[] for _ in payloads]
    house.pipeline.enqueue(
        (envelope(json.dumps(payload).encode()), each.append)
        for payload, each in zip(payloads, outcomes, strict=True)
    )
    await house.pipeline.drain()
    assert outcomes == [[None]] * 4
    assert sorted((line["message_id"], line["row"]) for line in house.predictions if line["row"] is None) == [
        ("m1", None),
        ("m4", None),
    ]
    assert [line["row"] for line in house.predictions if line["message_id"] == "m2"] == [0, 1]
    assert [line["message_id"] for line in house.rejections] == ["m3"]


async def test_messages_that_came_together_have_an_answer_each(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """Messages that are enqueued together have an answer each: taken, repeated, or refused by a full queue."""
    house = build(bounds=QueueLimits(batch_rows=1, queue_rows=1, queue_bytes=10_000))
    outcomes: dict[str, list[object]] = {"taken": [], "repeated": [], "full": []}
    house.pipeline.enqueue(
        [
            (envelope(penguin("a")), outcomes["taken"].append),
            (envelope(penguin("a")), outcomes["repeated"].append),
            (envelope(penguin("b")), outcomes["full"].append),
        ]
    )
    await house.pipeline.drain()
    assert outcomes["taken"] == outcomes["repeated"] == [None]
    assert [type(each) for each in outcomes["full"]] == [QueueFullError]


async def test_a_message_whose_taking_breaks_takes_nothing_from_those_that_came_with_it(
    house: House, envelope: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in one message nacks that message, and the others are answered."""
    all_new = DeduplicationWindow.all_new

    def breaks(duplicates: DeduplicationWindow, keys: Sequence[str]) -> bool:
        if "a" in keys:
            raise ZeroDivisionError
        return all_new(duplicates, keys)

    monkeypatch.setattr(DeduplicationWindow, "all_new", breaks)
    outcomes: dict[str, list[object]] = {"a": [], "b": []}
    house.pipeline.enqueue([(envelope(penguin(name)), outcomes[name].append) for name in outcomes])
    await house.pipeline.drain()
    assert [type(each) for each in outcomes["a"]] == [DefectError]
    assert outcomes["b"] == [None]


async def test_a_sender_that_cannot_be_answered_takes_nothing_from_the_others(
    house: House, envelope: Wrap
) -> None:
    """An answer that cannot be sent leaves the others of its batch as they are."""
    outcomes: list[object] = []

    def broken(_: object) -> None:
        raise ConnectionResetError

    house.pipeline.enqueue([(envelope(penguin("a")), broken), (envelope(penguin("b")), outcomes.append)])
    await house.pipeline.drain()
    assert outcomes == [None]


async def test_a_window_of_duplicates_that_breaks_keeps_no_sender_waiting(
    build: Callable[..., House], envelope: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Durable readings are acknowledged although the window fails, and so is the next batch."""

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    house = build(bounds=QueueLimits(batch_rows=1, queue_rows=10, queue_bytes=10_000))
    monkeypatch.setattr(DeduplicationWindow, "remember", breaks)
    outcomes: list[object] = []
    house.pipeline.enqueue([(envelope(penguin(name)), outcomes.append) for name in ("a", "b")])
    await house.pipeline.drain()
    assert outcomes == [None, None]
    assert len(house.results.blocks) == 2
