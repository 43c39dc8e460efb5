"""Refusals: however much is wrong with a message, what it becomes is bounded, counted, and no other message waits for it."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from rookery.schemas.codec import encode
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import unwrapped, wrapped
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.decoding.message import INSPECTED_BYTES, decode_inline, decode_message, size_of
from rookery.worker.errors import QueueFullError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import House

    from rookery.schemas.envelope import Envelope
    from rookery.worker.errors import RetryError

    Wrap = Callable[..., Envelope]

ATTRIBUTES = {f"a{nth}": "x" * 1_024 for nth in range(100)}


def bad_rows(count: int, **others: Any) -> bytes:
    return json.dumps({"body_mass_g": [1] * count, **others}).encode()


async def test_a_messages_attributes_stand_in_the_first_of_its_lines_only(
    house: House, envelope: Wrap
) -> None:
    """Not in each: a thousand rows would repeat a hundred thousand bytes."""
    messages = [envelope(bad_rows(300), attributes=ATTRIBUTES), envelope(bad_rows(2), attributes={"a": "b"})]
    await asyncio.gather(*map(house.pipeline.accept, messages))
    found = {message.message_id: [] for message in messages}
    for line in house.rejections:
        found[line["message_id"]].append(line["attributes"])
    assert found[messages[0].message_id] == [ATTRIBUTES, *[None] * 299]
    assert found[messages[1].message_id] == [{"a": "b"}, None]
    assert sum(map(len, house.rejects.lines)) < 2 * sum(map(len, ATTRIBUTES.values())) + 301 * 1_024


async def test_rows_redelivered_without_the_first_have_their_attributes(house: House, envelope: Wrap) -> None:
    """The first line is that of what is written, not of the message's first row."""
    message = envelope(bad_rows(3, reading_id=["a", "b", "c"]), attributes={"a": "b"})
    await house.pipeline.accept(envelope(json.dumps({"body_mass_g": [1], "reading_id": ["a"]}).encode()))
    await house.pipeline.accept(message)
    again = [line for line in house.rejections if line["message_id"] == message.message_id]
    assert [(line["row"], line["attributes"]) for line in again] == [(1, {"a": "b"}), (2, None)]


async def test_a_failed_rows_line_follows_the_same_rule(house: House, envelope: Wrap) -> None:
    """Readings that the schema refuses and readings that the model fails on are lines of one message."""
    house.classifier._fails_on = lambda row: row[0] == 41
    await house.pipeline.accept(envelope(b'{"bill_length_mm":[40,41,1]}', attributes={"a": "b"}))
    assert [(line["row"], line["attributes"]) for line in house.rejections] == [(2, {"a": "b"}), (1, None)]


async def test_a_reason_that_counts_others_is_one_time_series(house: House, envelope: Wrap) -> None:
    """However many it counts."""
    for count in (30, 40):
        await house.pipeline.accept(envelope(json.dumps({f"f{nth}": 1 for nth in range(count)}).encode()))
    text = house.metrics.render().decode()
    assert 'rookery_rejection_reasons_total{field="other",rule="and more"} 2.0' in text
    assert "and 10 more" not in text


async def test_what_is_refused_counts_against_the_queue_as_it_will_be_written(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """A table of 12 kB that becomes megabytes leaves no space for a second one."""
    house = build(bounds=QueueLimits(batch_rows=4096, queue_rows=10_000, queue_bytes=1_000_000))
    house.rejects.gate.clear()
    first = asyncio.ensure_future(house.pipeline.accept(envelope(bad_rows(2_000))))
    await house.rejects.waiting.wait()
    with pytest.raises(QueueFullError):
        await house.pipeline.accept(envelope(bad_rows(2_000)))
    house.rejects.gate.set()
    await first


def test_attributes_count_as_bytes_of_their_message() -> None:
    """They are in memory as long as its payload is."""
    body = {"message": {"messageId": "m", "attributes": ATTRIBUTES}, "subscription": "s"}
    assert size_of(wrapped(json.dumps(body).encode())) == 100 * 1_024
    odd = {**body, "message": {**body["message"], "publishTime": "2026-11-23T12:00:00+01:00"}}
    assert size_of(wrapped(json.dumps(odd).encode())) == 100 * 1_024
    headers = {"x-goog-pubsub-message-id": "m", "station": "north"}
    assert size_of(unwrapped(b"{}", headers)) == len("{}" + "north")


@pytest.mark.parametrize("length", [INSPECTED_BYTES - 1_000, INSPECTED_BYTES + 1_000])
def test_only_short_payloads_are_inspected_on_the_event_loop(length: int, envelope: Wrap) -> None:
    """A longer one in which something is wrong is left to a thread; one in which nothing is needs none."""
    wrong = envelope(bad_rows(length // 3))
    assert (decode_inline(wrong, default_compiled()) is None) == (length > INSPECTED_BYTES)
    assert (
        decode_inline(envelope(encode(ReadingFactory(1).table(length // 20))), default_compiled()) is not None
    )


async def test_what_takes_long_to_inspect_is_begun_and_answered(house: House, envelope: Wrap) -> None:
    """Decoded off the loop; its sender is answered once all of it is durable."""
    reported: asyncio.Future[RetryError | None] = asyncio.get_running_loop().create_future()
    house.pipeline.enqueue([(envelope(bad_rows(2_000)), reported.set_result)])
    assert not house.rejects.blocks
    assert await reported is None
    assert [line["row"] for line in house.rejections] == [*range(2_000)]


async def test_a_reading_passes_by_a_refusal_of_megabytes(house: House, envelope: Wrap) -> None:
    """It waits among the large tables, and holds no batch of readings."""
    house.rejects.gate.clear()
    refused = asyncio.ensure_future(house.pipeline.accept(envelope(b"x" * 1_000_000)))
    await house.rejects.waiting.wait()
    await house.pipeline.accept(envelope(b'{"bill_length_mm":40}'))
    assert len(house.predictions) == 1
    assert not refused.done()
    house.rejects.gate.set()
    await refused
    assert base64.b64decode(house.rejections[0]["original"]) == b"x" * 1_000_000


def test_a_key_is_short_whatever_was_refused(envelope: Wrap) -> None:
    """Keys are remembered for minutes: those of ten million bytes must not be."""
    (key,) = decode_message(
        envelope(json.dumps({"reading_id": "r" * 200, "x": "y" * 10_000}).encode()), default_compiled()
    ).keys
    assert len(key) < 40
