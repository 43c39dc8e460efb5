"""The topic sink on a real broker: attributes, limits, and what happens without one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from google.pubsub_v1 import PubsubMessage

from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError, trace_context
from rookery.worker.sinks.pubsub import CUT, MOST_BYTES, PubSubSink, requests_of

if TYPE_CHECKING:
    from tests.worker.sinks.conftest import TopicPlace

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def block(*lines: dict[str, object], traces: list[dict[str, str]] | None = None) -> LineBlock:
    written = [json.dumps(line).encode() + b"\n" for line in lines]
    return LineBlock(key="0a", lines=written, written_at=NOON, traces=traces or ())


async def test_a_message_says_in_its_attributes_what_subscribers_filter_by(topic: TopicPlace) -> None:
    """Species, model and reading_id of a prediction; reading_id and revision of a rejection."""
    sink = await topic.sink()
    await sink.write(block({"reading_id": "r1", "species": "Gentoo", "model": "abc", "row": None}))
    await sink.write(block({"reading_id": "r2", "reasons": [], "revision": "local", "original": "e30="}))
    attributes = [dict(message.attributes) for message in await topic.messages(2)]
    assert attributes == [
        {"reading_id": "r1", "species": "Gentoo", "model": "abc"},
        {"reading_id": "r2", "revision": "local"},
    ]


async def test_trace_context_is_carried_over_from_the_message_of_each_reading(topic: TopicPlace) -> None:
    """And nothing else of its attributes."""
    traces = [
        trace_context({"googclient_traceparent": PARENT, "device": "mast"}),
        trace_context({"device": "mast"}),
        trace_context({"traceparent": PARENT, "tracestate": "a=1"}),
    ]
    sink = await topic.sink()
    await sink.write(block({"reading_id": "a"}, {"reading_id": "b"}, {"reading_id": "c"}, traces=traces))
    found = {m.attributes["reading_id"]: dict(m.attributes) for m in await topic.messages(3)}
    assert found == {
        "a": {"reading_id": "a", "googclient_traceparent": PARENT},
        "b": {"reading_id": "b"},
        "c": {"reading_id": "c", "traceparent": PARENT, "tracestate": "a=1"},
    }


async def test_a_block_beyond_the_limit_of_a_request_is_published_whole(topic: TopicPlace) -> None:
    """2,500 lines are three requests, and every line arrives once."""
    sink = await topic.sink()
    await sink.write(block(*({"reading_id": f"r{nth}"} for nth in range(2_500))))
    found = [message.attributes["reading_id"] for message in await topic.messages(2_500)]
    assert sorted(found) == sorted(f"r{nth}" for nth in range(2_500))


@pytest.mark.parametrize(("count", "size", "requests"), [(1_000, 10, 1), (1_001, 10, 2), (10, 2_000_000, 3)])
def test_requests_keep_pubsubs_limits_of_number_and_bytes(count: int, size: int, requests: int) -> None:
    """1,000 messages and 10,000,000 bytes, what frames the messages included."""
    messages = [PubsubMessage(data=b"x" * size, attributes={"a": "b"}) for _ in range(count)]
    shared = list(requests_of(messages))
    assert len(shared) == requests
    assert [each for request in shared for each in request] == messages
    assert all(len(request) <= 1_000 for request in shared)
    assert all(sum(len(each.data) for each in request) <= MOST_BYTES for request in shared)


async def test_a_rejection_too_long_for_a_message_is_published_with_its_original_cut(
    topic: TopicPlace,
) -> None:
    """Else it would be redelivered for ever; the attribute says how much is missing."""
    sink = await topic.sink()
    original = "A" * 13_000_000
    await sink.write(block({"reading_id": "r1", "reasons": [{"field": "x"}], "original": original}))
    (message,) = await topic.messages(1)
    kept = json.loads(message.data)
    assert kept["reasons"] == [{"field": "x"}]
    assert len(kept["original"]) + int(message.attributes[CUT]) == len(original)


async def test_a_broker_that_is_not_there_is_said_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own default would hang on for ten minutes."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    sink = PubSubSink("projects/p/topics/results", write_timeout_seconds=0.5)
    await sink.open()
    with pytest.raises(SinkUnavailableError, match="projects/p/topics/results"):
        await sink.write(block({"reading_id": "r1"}))
    await sink.close()


class Requests:
    """A fake client: records requests, and answers once so many of them are in flight."""

    def __init__(self, together: int) -> None:
        self.sizes: list[int] = []
        self.most_at_once = 0
        self._now = 0
        self._together = together
        self._enough = asyncio.Event()

    async def publish(self, *, messages: list[PubsubMessage], **_: object) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.sizes.append(sum(type(each).pb(each).ByteSize() for each in messages))
        if self._now == self._together:
            self._enough.set()
        await self._enough.wait()
        self._now -= 1


async def test_a_block_of_many_lines_is_published_some_requests_at_once() -> None:
    """Else it is in memory once more as messages; each request within Pub/Sub's limits."""
    sink = PubSubSink("projects/p/topics/t", write_timeout_seconds=5)
    requests = Requests(together=8)
    sink._client = requests  # type: ignore[assignment]  # all that is asked of it
    await sink.write(block(*({"reading_id": f"r{nth}", "x": "y" * 300} for nth in range(30_000))))
    assert len(requests.sizes) == 30
    assert max(requests.sizes) <= 10_000_000
    assert requests.most_at_once == 8


async def test_a_rejection_whose_attributes_alone_are_too_long_is_published_without_them() -> None:
    """A message is published for a line that is too long, whichever field makes it so."""
    sink = PubSubSink("projects/p/topics/t", write_timeout_seconds=5)
    requests = Requests(together=1)
    sink._client = requests  # type: ignore[assignment]  # all that is asked of it
    long = {"reading_id": "r" * 2_000, "original": "e30=", "attributes": {"a": "x" * 12_000_000}}
    await sink.write(block(long))
    assert requests.sizes[0] < 10_000


def test_a_trace_context_too_long_to_be_one_is_left_out() -> None:
    """It goes with each line of a message."""
    assert trace_context({"traceparent": PARENT, "tracestate": "x" * 513, "googclient_tracestate": "é"}) == {
        "traceparent": PARENT
    }
