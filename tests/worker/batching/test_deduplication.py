"""Delivery is at least once, an answer is not: what came before is joined in flight or answered from memory."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rookery.schemas.codec import encode
from rookery.schemas.envelope import Envelope
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.batching.deduplication import DeduplicationWindow
from rookery.worker.batching.ticket import Ticket
from rookery.worker.errors import QueueFullError
from rookery.worker.sinks.protocol import SinkUnavailableError
from rookery.worker.testing import RuleClassifier
from tests.worker.conftest import NOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.worker.conftest import House

    Wrap = Callable[..., Envelope]


def penguin(reading_id: str | None = "r1", **fields: Any) -> bytes:
    return encode(ReadingFactory(1).reading(reading_id=reading_id, **fields))


def table(*reading_ids: str | None) -> bytes:
    lengths = [40.0 + nth for nth in range(len(reading_ids))]
    return json.dumps({"bill_length_mm": lengths, "reading_id": reading_ids}).encode()


def ids(lines: Iterable[dict[str, Any]]) -> list[str]:
    return [line["reading_id"] for line in lines]


def counted(house: House, first: str) -> float:
    text = house.metrics.render().decode()
    (line,) = (
        each for each in text.splitlines() if each.startswith(f'rookery_duplicates_total{{first="{first}"')
    )
    return float(line.rsplit(" ", 1)[1])


async def test_a_publishers_retry_is_answered_from_memory(house: House, envelope: Wrap) -> None:
    """The same reading in a second message is acknowledged, neither classified nor written again, and counted."""
    for _ in range(2):
        await house.pipeline.accept(envelope(penguin()))
    assert ids(house.predictions) == ["r1"]
    assert house.classifier.calls == [1]
    assert counted(house, "durable") == 1


@pytest.mark.parametrize(
    "payload", [penguin(None), table(None, None), b"not JSON", penguin(None)[:-4] + b"}"]
)
async def test_a_redelivered_message_without_ids_is_known_by_its_own_id(
    house: House, envelope: Wrap, payload: bytes
) -> None:
    """The message id stands in for every reading, of a table and of what was refused, too."""
    message = envelope(payload)
    first = await house.pipeline.accept(message)
    before = len(house.results.lines) + len(house.rejects.lines)
    assert await house.pipeline.accept(message) is first
    assert len(house.results.lines) + len(house.rejects.lines) == before
    await house.pipeline.accept(envelope(payload))
    assert len(house.results.lines) + len(house.rejects.lines) == 2 * before


async def test_a_duplicate_in_flight_waits_for_the_first_and_is_as_durable(
    house: House, envelope: Wrap
) -> None:
    """It is acknowledged when the first one is on the disk, not before."""
    house.results.gate.clear()
    first = asyncio.ensure_future(house.pipeline.accept(envelope(penguin())))
    await house.results.waiting.wait()
    second = asyncio.ensure_future(house.pipeline.accept(envelope(penguin())))
    await asyncio.sleep(0)
    assert not second.done()
    house.results.gate.set()
    assert await asyncio.gather(first, second) == [None] * 2
    assert ids(house.predictions) == ["r1"]
    assert counted(house, "in_flight") == 1


async def test_a_duplicate_of_what_fails_fails_too_and_both_are_welcome_again(
    house: House, envelope: Wrap
) -> None:
    """Nothing is acknowledged on the word of a first one that never became durable."""
    house.results.broken = True
    messages = [envelope(penguin()) for _ in range(3)]
    failed = await asyncio.gather(*map(house.pipeline.accept, messages), return_exceptions=True)
    assert [type(each) for each in failed] == [SinkUnavailableError] * 3
    house.results.broken = False
    assert set(await asyncio.gather(*map(house.pipeline.accept, messages))) == {None}
    assert ids(house.predictions) == ["r1"]


@pytest.mark.parametrize("position", range(4))
async def test_a_caller_who_leaves_takes_nothing_from_those_who_joined_it(
    house: House, envelope: Wrap, position: int
) -> None:
    """Of four deliveries of one reading any one may leave, the first too: the others are answered."""
    house.results.gate.clear()
    callers = [asyncio.ensure_future(house.pipeline.accept(envelope(penguin()))) for _ in range(4)]
    await house.results.waiting.wait()
    callers[position].cancel()
    house.results.gate.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(answer) for answer in answers].count(asyncio.CancelledError) == 1
    assert answers.count(None) == 3
    assert ids(house.predictions) == ["r1"]


async def test_the_rows_of_a_table_are_known_one_by_one(house: House, envelope: Wrap) -> None:
    """Rows that are durable, in flight, repeated or new: each is answered once, with its own row."""
    await house.pipeline.accept(envelope(penguin("a")))
    house.results.gate.clear()
    flying = asyncio.ensure_future(house.pipeline.accept(envelope(penguin("b"))))
    await asyncio.sleep(0)
    mixed = asyncio.ensure_future(house.pipeline.accept(envelope(table("a", "b", "c", "c", "d"))))
    await asyncio.sleep(0)
    house.results.gate.set()
    assert await asyncio.gather(flying, mixed) == [None] * 2
    assert Counter(ids(house.predictions)) == Counter("abcd")
    assert {line["reading_id"]: line["row"] for line in house.predictions} == {
        "a": None,
        "b": None,
        "c": 2,
        "d": 4,
    }


async def test_a_table_whose_rows_joined_a_failure_is_redelivered_and_only_those_rows_are_written(
    house: House, envelope: Wrap
) -> None:
    """The message is nacked; its other rows are durable by then and are not written twice."""
    message = envelope(table("a", "b"))
    house.results.gate.clear()
    house.results.broken = True
    failing = asyncio.ensure_future(house.pipeline.accept(envelope(penguin("a"))))
    await house.results.waiting.wait()
    joined = asyncio.ensure_future(house.pipeline.accept(message))
    # The first write has failed by the time that its sender knows; the table's own row goes in the next batch.
    failing.add_done_callback(lambda _: setattr(house.results, "broken", False))
    house.results.gate.set()
    failures = await asyncio.gather(failing, joined, return_exceptions=True)
    assert [type(each) for each in failures] == [SinkUnavailableError] * 2
    await house.pipeline.accept(message)
    assert Counter(ids(house.predictions)) == Counter("ab")


async def test_the_same_table_in_parts_gets_blocks_of_different_names(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """The rest of a message after its duplicates were taken out names the block, not the message alone."""
    message = envelope(table("a", "b"))
    names = []
    for known in (penguin("a"), penguin("b"), None):
        house = build(coalesces=True)
        if known is not None:
            await house.pipeline.accept(envelope(known))
        await house.pipeline.accept(message)
        names.append(house.results.blocks[-1].key)
    assert len(set(names)) == 3


async def test_a_table_that_the_model_failed_on_in_part_gets_another_name_when_it_does_not(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """A store that keeps names once must not take the whole answer for the half one that it has."""
    message = envelope(table("a", "b"))
    names = []
    for failing in ({41.0}, set[float]()):
        house = build(RuleClassifier(lambda row, failing=failing: float(row[0]) in failing), coalesces=True)
        await house.pipeline.accept(message)
        names.append(house.results.blocks[0].key)
    assert len(set(names)) == 2


async def test_a_fixed_reading_is_no_duplicate_of_its_rejection(house: House, envelope: Wrap) -> None:
    """A reading that was rejected is accepted under the same identity, once it is valid."""
    malformed = json.dumps({"reading_id": "r1", "bill_length_mm": -1}).encode()
    await house.pipeline.accept(envelope(malformed))
    await house.pipeline.accept(envelope(malformed))
    await house.pipeline.accept(envelope(penguin("r1")))
    assert ids(house.rejections) == ["r1"]
    assert ids(house.predictions) == ["r1"]


async def test_what_the_model_failed_on_is_welcome_again(build: Callable[..., House], envelope: Wrap) -> None:
    """Its rejection does not stand in the way of a model that can answer it."""
    failing = {77.0}
    house = build(RuleClassifier(lambda row: float(row[0]) in failing))
    message = penguin("r1", bill_length_mm=77)
    await house.pipeline.accept(envelope(message))
    failing.clear()
    await house.pipeline.accept(envelope(message))
    assert ids(house.rejections) == ids(house.predictions) == ["r1"]


async def test_the_first_of_two_readings_with_one_identity_wins(house: House, envelope: Wrap) -> None:
    """An identity belongs to one observation: another one under it is taken for its duplicate."""
    await house.pipeline.accept(envelope(penguin("r1", flipper_length_mm=220)))
    await house.pipeline.accept(envelope(penguin("r1", flipper_length_mm=180)))
    assert [line["species"] for line in house.predictions] == ["Gentoo"]


async def test_a_reading_that_the_queue_refused_is_no_duplicate(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """A message that was nacked is accepted when it is redelivered."""
    house = build(bounds=QueueLimits(batch_rows=1, queue_rows=1, queue_bytes=10_000))
    taken, full = await asyncio.gather(
        house.pipeline.accept(envelope(penguin("a"))),
        house.pipeline.accept(envelope(penguin("b"))),
        return_exceptions=True,
    )
    assert taken is None
    assert isinstance(full, QueueFullError)
    await house.pipeline.accept(envelope(penguin("b")))
    assert ids(house.predictions) == ["a", "b"]


async def test_predict_is_answered_each_time(house: House, envelope: Wrap) -> None:
    """An answer that is not stored makes no duplicate."""
    for _ in range(2):
        assert len((await house.pipeline.predict(envelope(penguin()))).predictions) == 1
    await house.pipeline.accept(envelope(penguin()))
    assert len(house.predictions) == 1


async def test_a_message_begun_without_a_task_is_answered_although_the_one_that_joined_it_left(
    house: House, envelope: Wrap
) -> None:
    """A caller that leaves before the batch runs takes nothing from the first one, which has no future of its own."""
    house.results.gate.clear()
    outcomes: list[object] = []
    house.pipeline.enqueue([(envelope(penguin("busy")), outcomes.append)])
    await house.results.waiting.wait()
    house.pipeline.enqueue([(envelope(penguin("r1")), outcomes.append)])
    joined = asyncio.ensure_future(house.pipeline.accept(envelope(penguin("r1"))))
    await asyncio.sleep(0)
    joined.cancel()
    house.results.gate.set()
    await house.pipeline.drain()
    assert outcomes == [None, None]
    assert ids(house.predictions) == ["busy", "r1"]


async def test_draining_answers_those_who_joined_too(house: House, envelope: Wrap) -> None:
    """After the drain no message that was taken waits for its answer."""
    house.results.gate.clear()
    outcomes: list[object] = []
    for _ in range(3):
        house.pipeline.enqueue([(envelope(penguin("r1")), outcomes.append)])
    await house.results.waiting.wait()
    house.results.gate.set()
    await house.pipeline.drain()
    assert outcomes == [None] * 3


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_window_is_bounded_by_count_and_by_time() -> None:
    """The oldest are forgotten first; what is in flight never is."""
    clock = Clock()
    seen = DeduplicationWindow(count=3, seconds=10, clock=clock)
    ticket: Ticket[None] = Ticket(None, rows=1, size=1)
    seen.reserve(["flying"], ticket)
    for nth in range(5):
        seen.reserve([str(nth)], ticket)
        seen.remember([str(nth)])
    assert list(seen.partition(["0", "1", "2", "3", "4"]).fresh) == [0, 1]
    clock.now = 10
    assert list(seen.partition(["2", "3", "4"]).fresh) == [0, 1, 2]
    assert seen.partition(["flying"]).joined == [ticket]
    seen.forget(["flying"])
    assert len(seen) == 0


async def test_only_the_newest_part_of_a_batch_is_remembered_where_it_is_larger_than_the_window() -> None:
    """A window of three keeps three, however many became durable together."""
    seen = DeduplicationWindow(count=3, seconds=10)
    keys = [str(nth) for nth in range(5)]
    seen.reserve(keys, Ticket(None, rows=5, size=5))
    seen.remember(keys)
    assert list(seen.partition(keys).fresh) == [0, 1]


async def test_a_sender_that_is_answered_finds_the_reading_remembered(house: House, envelope: Wrap) -> None:
    """The window knows a durable reading before its sender is answered; a retry at once is answered from memory."""
    again: list[object] = []

    def on_done(error: object) -> None:
        assert error is None
        house.pipeline.enqueue([(envelope(penguin("r1")), again.append)])

    house.pipeline.enqueue([(envelope(penguin("r1")), on_done)])
    await house.pipeline.drain()
    assert again == [None]
    assert ids(house.predictions) == ["r1"]
    assert counted(house, "durable") == 1


LATER = NOON + timedelta(milliseconds=1)
WITHOUT_IDS = [penguin(None), table(None, None), table("a", None), b"not JSON", penguin(None)[:-4] + b"}"]


async def recorded(house: House, messages: Iterable[Envelope]) -> tuple[int, int]:
    """How many lines there are once all messages are accepted, and how many readings these are of."""
    for message in messages:
        await house.pipeline.accept(message)
    lines = [*house.predictions, *house.rejections]
    return len(lines), len({line["reading_id"] for line in lines})


@pytest.mark.parametrize("payload", [penguin(None), b"not JSON"])
async def test_message_ids_that_begin_again_are_other_messages(
    house: House, envelope: Wrap, payload: bytes
) -> None:
    """A broker that numbers from 1 after its restart loses none of the readings that have no reading_id."""
    for published_at in (NOON, LATER):
        for nth in range(7):
            await house.pipeline.accept(envelope(payload, message_id=str(nth), published_at=published_at))
    assert await recorded(house, []) == (14, 14)


@pytest.mark.parametrize("payload", WITHOUT_IDS)
async def test_one_message_id_of_two_subscriptions_is_two_messages(
    house: House, envelope: Wrap, payload: bytes
) -> None:
    """Message ids are one topic's own: with another subscription the same id is another message's."""
    message = envelope(payload)
    alone, _ = await recorded(house, [message])
    own = {line["reading_id"] for line in [*house.predictions, *house.rejections]} & {"a"}
    both = [replace(message, subscription="projects/p/subscriptions/other"), message]
    assert await recorded(house, both) == (2 * alone - len(own), 2 * alone - len(own))


async def test_without_publish_time_another_payload_is_another_message(house: House, envelope: Wrap) -> None:
    """Messages that are otherwise equal differ by their payloads; the same payload is a redelivery."""
    messages = [
        envelope(penguin(None, flipper_length_mm=length), message_id="1", published_at=None)
        for length in (180, 220, 180)
    ]
    unwrapped = Envelope("1", body=penguin(None, flipper_length_mm=180))
    assert await recorded(house, [*messages, unwrapped]) == (2, 2)


async def test_a_store_names_the_blocks_of_two_subscriptions_differently(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """One message that two subscriptions deliver to one bucket is two blocks; its redelivery is one."""
    message = envelope(penguin(None))
    names = []
    for subscription in ("a", "b", "a"):
        house = build(coalesces=True)
        await house.pipeline.accept(replace(message, subscription=subscription))
        names.append(house.results.blocks[0].key)
    assert names[0] == names[2] != names[1]
