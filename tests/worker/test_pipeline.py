"""The worker's promise: every reading ends as one prediction or one explained rejection, durable before the answer."""

from __future__ import annotations

import asyncio
import base64
import json
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.codec import encode
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection
from rookery.schemas.testing import KINDS, ReadingFactory, invalid_examples
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.errors import DrainingError, QueueFullError, UnavailableError
from rookery.worker.inference.bisection import ModelUnavailableError
from rookery.worker.sinks.protocol import SinkUnavailableError
from rookery.worker.testing import RuleClassifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.envelope import Envelope
    from tests.worker.conftest import House

    Wrap = Callable[..., Envelope]


async def test_a_reading_becomes_one_durable_prediction(house: House, envelope: Wrap) -> None:
    """The line says who, what, how sure, by which model, and when."""
    penguin = ReadingFactory(1).reading(reading_id="r1", device_id="mast", flipper_length_mm=220, sex=None)
    await house.pipeline.accept(envelope(encode(penguin)))
    assert house.predictions == [
        {
            "reading_id": "r1",
            "message_id": "m1",
            "row": None,
            "device_id": "mast",
            "observed_at": None,
            "species": "Gentoo",
            "probability": 1.0,
            "probabilities": {"Adelie": 0.0, "Chinstrap": 0.0, "Gentoo": 1.0},
            "out_of_distribution": False,
            "missing": ["sex"],
            "model": "rule",
            "published_at": "2026-11-23T12:00:00Z",
            "predicted_at": "2026-11-23T12:00:00Z",
        }
    ]
    assert Prediction.model_validate_json(house.results.lines[0]).reading_id == "r1"


async def test_without_an_id_of_its_own_a_reading_is_known_by_its_message(
    house: House, envelope: Wrap
) -> None:
    """The message's identity stands in, with the row in a table."""
    single = envelope(encode(ReadingFactory(1).reading()), message_id='m"\\é\n')
    table = envelope(encode(ReadingFactory(1).table(2)))
    await house.pipeline.accept(single)
    await house.pipeline.accept(table)
    assert [line["reading_id"] for line in house.predictions] == [
        single.identity,
        f"{table.identity}/0",
        f"{table.identity}/1",
    ]


async def test_every_malformed_payload_becomes_one_rejection_that_can_be_fixed(
    house: House, envelope: Wrap
) -> None:
    """Each keeps its original bytes and every reason, and is acknowledged."""
    payloads = [one.payload for one in islice(invalid_examples(1), len(KINDS))]
    for payload in payloads:
        await house.pipeline.accept(envelope(payload, delivery_attempt=2))
    kept = [Rejection.model_validate_json(line) for line in house.rejects.lines]
    assert [base64.b64decode(each.original) for each in kept] == payloads
    assert all(each.reasons and each.delivery_attempt == 2 and each.revision == "test" for each in kept)
    assert not house.results.blocks


async def test_broken_base64_is_rejected_with_what_was_written(house: House, envelope: Wrap) -> None:
    """Even what cannot be decoded is kept as it came."""
    await house.pipeline.accept(envelope(b"", data="%%%"))
    assert house.rejections[0]["original"] == "%%%"


async def test_a_bad_row_of_a_table_costs_no_neighbour(house: House, envelope: Wrap) -> None:
    """Of three rows with one bad, two are predictions with their own rows and one is a rejection."""
    payload = json.dumps({"bill_length_mm": [40, -1, 50], "reading_id": ["a", "b", "c"]}).encode()
    await house.pipeline.accept(envelope(payload))
    assert [(line["reading_id"], line["row"]) for line in house.predictions] == [("a", 0), ("c", 2)]
    assert [(line["reading_id"], line["row"]) for line in house.rejections] == [("b", 1)]


async def test_one_failing_reading_in_512_is_rejected_and_511_are_answered_at_once(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """No nack, no neighbour blamed, at most 19 predict calls."""
    house = build(RuleClassifier(lambda row: row[0] == 77))
    penguins = ReadingFactory(1).readings(512, prefix="b")
    penguins[300] = penguins[300].model_copy(update={"bill_length_mm": 77})
    verdicts = await asyncio.gather(
        *(house.pipeline.accept(envelope(encode(penguin))) for penguin in penguins)
    )
    assert set(verdicts) == {None}
    assert {line["reading_id"] for line in house.predictions} == {f"b-{n}" for n in range(512) if n != 300}
    (rejection,) = house.rejections
    assert rejection["reading_id"] == "b-300"
    assert rejection["reasons"][0]["rule"] == "the model fails on this reading: RuntimeError: a failing row"
    assert json.loads(base64.b64decode(rejection["original"])) == json.loads(encode(penguins[300]))
    assert len(house.classifier.calls) <= 19


async def test_a_failed_row_of_a_table_can_be_replayed_alone(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """Its rejection keeps the row as a reading of its own."""
    house = build(RuleClassifier(lambda row: row[0] == 77))
    payload = json.dumps({"bill_length_mm": [40, 77], "reading_id": ["a", "b"]}).encode()
    await house.pipeline.accept(envelope(payload))
    assert json.loads(base64.b64decode(house.rejections[0]["original"])) == {
        "bill_length_mm": 77.0,
        "reading_id": "b",
    }


async def test_a_broken_model_rejects_nothing(build: Callable[..., House], envelope: Wrap) -> None:
    """Where the model is at fault, messages are nacked and nothing is written."""
    house = build(RuleClassifier(lambda _: True, healthy=False))
    with pytest.raises(ModelUnavailableError):
        await house.pipeline.accept(envelope(encode(ReadingFactory(1).reading())))
    assert not house.results.blocks
    assert not house.rejects.blocks


@pytest.mark.parametrize("position", range(5))
async def test_a_message_whose_lines_cannot_be_written_takes_nothing_from_its_neighbours(
    house: House, envelope: Wrap, position: int
) -> None:
    """A defect in rendering one message of a batch fails that message alone."""
    messages = [envelope(encode(penguin)) for penguin in ReadingFactory(1).readings(4, prefix="b")]
    # No envelope that was read holds such a number: this stands for any defect.
    messages.insert(position, envelope(b"{}", delivery_attempt=2**70))
    answers = await asyncio.gather(*map(house.pipeline.accept, messages), return_exceptions=True)
    assert isinstance(answers.pop(position), UnavailableError)
    assert answers == [None] * 4
    assert len(house.predictions) == 4


async def test_a_payload_that_breaks_the_decoder_is_rejected_not_tried_for_ever(
    house: House, envelope: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payload that breaks decoding breaks it with every delivery: it is rejected and acknowledged, like all invalid ones."""

    def breaks(*_: object, **__: object) -> None:
        raise OverflowError("beyond all bounds")

    monkeypatch.setattr("rookery.worker.decoding.payload.decode_fields", breaks)
    await house.pipeline.accept(envelope(b"{}"))
    assert (
        house.rejections[0]["reasons"][0]["rule"] == "it cannot be decoded: OverflowError: beyond all bounds"
    )


@pytest.mark.parametrize("position", range(8))
async def test_a_caller_that_leaves_while_a_batch_is_predicted_harms_no_other(
    build: Callable[..., House], envelope: Wrap, position: int
) -> None:
    """Of eight messages in one batch any one may be given up while the model works: the others are answered."""
    callers: list[asyncio.Task[None]] = []

    def leave(_: object) -> bool:
        callers[position].get_loop().call_soon_threadsafe(callers[position].cancel)
        return False

    house = build(RuleClassifier(leave))
    house.results.gate.clear()
    penguins = ReadingFactory(1).readings(8, prefix="b")
    callers += [asyncio.create_task(house.pipeline.accept(envelope(encode(penguin)))) for penguin in penguins]
    await house.results.waiting.wait()
    house.results.gate.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert house.classifier.calls == [8]
    assert isinstance(answers.pop(position), asyncio.CancelledError)
    assert answers == [None] * 7
    assert len(house.predictions) == 8


async def test_nothing_is_acknowledged_before_it_is_durable(house: House, envelope: Wrap) -> None:
    """The verdict waits for the sink."""
    house.results.gate.clear()
    accepting = asyncio.ensure_future(house.pipeline.accept(envelope(encode(ReadingFactory(1).reading()))))
    await house.results.waiting.wait()
    assert not accepting.done()
    house.results.gate.set()
    await accepting


async def test_a_broken_sink_fails_only_the_messages_that_need_it(house: House, envelope: Wrap) -> None:
    """Where rejections cannot be kept, predictions still are, and the other way round."""
    house.rejects.broken = True
    good, bad = await asyncio.gather(
        house.pipeline.accept(envelope(encode(ReadingFactory(1).reading()))),
        house.pipeline.accept(envelope(b"{}")),
        return_exceptions=True,
    )
    assert good is None
    assert isinstance(bad, SinkUnavailableError)


async def test_messages_that_arrive_together_are_one_batch_and_one_block(
    house: House, envelope: Wrap
) -> None:
    """The cost of predicting and of becoming durable is shared."""
    penguins = ReadingFactory(1).readings(64)
    await asyncio.gather(*(house.pipeline.accept(envelope(encode(penguin))) for penguin in penguins))
    assert house.classifier.calls == [64]
    assert [len(block.lines) for block in house.results.blocks] == [64]


async def test_the_same_delivery_has_the_same_block_key_and_others_do_not(
    build: Callable[..., House], envelope: Wrap
) -> None:
    """Remote sinks name by content, so that a message redelivered to another worker is not written twice."""
    first, other = (
        envelope(encode(ReadingFactory(1).reading())),
        envelope(encode(ReadingFactory(2).reading())),
    )
    worker, another = build(coalesces=True), build(coalesces=True)
    for each, house in ((first, worker), (first, another), (other, worker)):
        await house.pipeline.accept(each)
    once, different = (block.key for block in worker.results.blocks)
    (again,) = (block.key for block in another.results.blocks)
    assert once == again != different


async def test_predict_answers_through_the_same_batch_and_stores_nothing(
    house: House, envelope: Wrap
) -> None:
    """The original service's call shares the batch and leaves no trace."""
    penguin = ReadingFactory(1).reading(flipper_length_mm=220)
    _, lines = await asyncio.gather(
        house.pipeline.accept(envelope(encode(ReadingFactory(2).reading()))),
        house.pipeline.predict(envelope(encode(penguin))),
    )
    assert json.loads(lines.predictions[0])["species"] == "Gentoo"
    assert house.classifier.calls == [2]
    assert len(house.results.lines) == 1


async def test_predict_is_answered_although_the_sink_is_broken(house: House, envelope: Wrap) -> None:
    """An answer that is not stored depends on no sink."""
    house.results.broken = True
    lines = await house.pipeline.predict(envelope(encode(ReadingFactory(1).reading())))
    assert len(lines.predictions) == 1


async def test_tables_and_readings_in_one_batch_each_get_their_own_answers(
    house: House, envelope: Wrap
) -> None:
    """Order and ownership survive being encoded together."""
    penguins = ReadingFactory(1)
    gentoo, adelie = {"flipper_length_mm": 220.0}, {"flipper_length_mm": 180.0, "bill_length_mm": 38.0}
    messages = [
        encode(penguins.reading(reading_id="a", **gentoo)),
        json.dumps(
            {"flipper_length_mm": [180, 220], "bill_length_mm": [38, 50], "reading_id": ["b", "c"]}
        ).encode(),
        b"not JSON",
        encode(penguins.reading(reading_id="d", **adelie)),
        encode(penguins.reading(reading_id="e", **gentoo)),
    ]
    await asyncio.gather(*(house.pipeline.accept(envelope(message)) for message in messages))
    species = {line["reading_id"]: line["species"] for line in house.predictions}
    assert species == {"a": "Gentoo", "b": "Adelie", "c": "Gentoo", "d": "Adelie", "e": "Gentoo"}
    assert len(house.rejections) == 1


async def test_a_full_queue_raises_so(build: Callable[..., House], envelope: Wrap) -> None:
    """Memory is bounded: a message beyond the queue limit is nacked."""
    house = build(bounds=QueueLimits(batch_rows=10, queue_rows=1, queue_bytes=10_000))
    penguin = encode(ReadingFactory(1).reading())
    first, second = await asyncio.gather(
        *(house.pipeline.accept(envelope(penguin)) for _ in range(2)), return_exceptions=True
    )
    assert first is None
    assert isinstance(second, QueueFullError)


async def test_draining_finishes_what_was_taken_and_refuses_the_rest(house: House, envelope: Wrap) -> None:
    """A worker that shuts down leaves nothing half done."""
    house.results.gate.clear()
    accepting = asyncio.ensure_future(house.pipeline.accept(envelope(encode(ReadingFactory(1).reading()))))
    await house.results.waiting.wait()
    draining = asyncio.ensure_future(house.pipeline.drain())
    house.results.gate.set()
    await draining
    assert accepting.done()
    assert len(house.results.lines) == 1
    with pytest.raises(DrainingError):
        await house.pipeline.accept(envelope(b"{}"))


async def test_a_reading_does_not_wait_for_a_large_table(house: House, envelope: Wrap) -> None:
    """A table that is not durable yet, however large, holds up no reading behind it."""
    house.results.gate.clear()
    table = asyncio.ensure_future(house.pipeline.accept(envelope(encode(ReadingFactory(1).table(1000)))))
    await house.results.waiting.wait()
    reading = await house.pipeline.predict(envelope(encode(ReadingFactory(2).reading())))
    assert len(reading.predictions) == 1
    assert not table.done()
    house.results.gate.set()
    await table
    assert len(house.results.lines) == 1000
