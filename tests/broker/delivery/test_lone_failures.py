"""A failure of one push, stream or request is its own end, and never the broker's."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from rookery.broker.delivery.dispatcher import Dispatcher, PullRequest
from rookery.broker.delivery.push import Endpoint, Identity, Pusher
from rookery.broker.scheduling.messages import StoredMessage
from rookery.broker.scheduling.rules import Rules
from rookery.broker.scheduling.subscription import Subscription
from rookery.broker.testing import RecordingEndpoint

if TYPE_CHECKING:
    import aiohttp
    from google.cloud import pubsub_v1

    from rookery.broker.server import EmbeddedBroker

TOPIC = "projects/p/topics/work"
SUBSCRIPTION = "projects/p/subscriptions/work"


class _BrokenSigner:
    def token(self, identity: Identity) -> NoReturn:
        raise RuntimeError(f"no key for {identity.email}")


def _message(number: int) -> StoredMessage:
    return StoredMessage(str(number), b"{}", None, "", 0.0)


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint(url="http://a..b/", subscription="s"),
        Endpoint(url=f"http://{'a' * 64}/", subscription="s"),
        Endpoint(url="http://127.0.0.1:80800/", subscription="s"),
        Endpoint(url="http://127.0.0.1:9/", subscription="s", identity=Identity("me", "you")),
    ],
)
async def test_a_push_that_cannot_be_made_is_a_failed_push(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """It is nacked with a line in the log, and the dispatcher pushes on to where its subscription is turned."""
    loop = asyncio.get_running_loop()
    async with RecordingEndpoint() as served, Pusher(_BrokenSigner()) as pusher:
        machine = Subscription(Rules(push=True))
        dispatcher = Dispatcher("s", machine, endpoint=endpoint, pusher=pusher, clock=loop.time)
        dispatcher.start()
        for number in range(3):
            machine.offer([_message(number)], loop.time())
        while not machine.standing().nacked:  # noqa: ASYNC110  no event says that a push has failed
            await asyncio.sleep(0.005)  # no event, see above
        dispatcher.turn(Rules(push=True), Endpoint(url=served.url, subscription="s"))
        await served.wait_for(3)
        await dispatcher.close()
    assert "failed" in caplog.text


async def test_a_defect_of_the_scheduler_is_the_end_of_one_look_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dispatcher whose subscription raises says so in the log, and retries."""
    monkeypatch.setattr("rookery.broker.delivery.dispatcher._DEFECT_PAUSE_SECONDS", 0.0)
    machine = Subscription(Rules())
    tick, failures = machine.tick, iter([ValueError("a defect"), ZeroDivisionError("another one")])

    def failing(now: float) -> None:
        for failure in failures:
            raise failure
        tick(now)

    monkeypatch.setattr(machine, "tick", failing)
    async with Pusher(_BrokenSigner()) as pusher:
        dispatcher = Dispatcher(
            "s", machine, endpoint=None, pusher=pusher, clock=asyncio.get_running_loop().time
        )
        dispatcher.start()
        machine.offer([_message(1)], 0.0)
        (delivery,) = await dispatcher.pull(PullRequest(1), timeout=20)
        await dispatcher.close()
    assert delivery.message.message_id == "1"
    assert caplog.text.count("subscription s failed") == 2


async def test_a_defect_in_one_request_is_answered(
    broker: EmbeddedBroker,
    rest: aiohttp.ClientSession,
    publisher: pubsub_v1.PublisherClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """REST says 500 INTERNAL in Google's shape, gRPC says INTERNAL, the log has a line, and the next request is served."""

    def fail(*_: Any) -> NoReturn:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(broker.catalogue, "topic", fail)
        async with rest.get(f"/v1/{TOPIC}") as answer:
            assert answer.status == 500
            assert (await answer.json())["error"]["status"] == "INTERNAL"
        with pytest.raises(exceptions.InternalServerError):
            await asyncio.to_thread(publisher.get_topic, topic=TOPIC, retry=None)
    assert caplog.text.count("a defect") >= 2
    async with rest.put(f"/v1/{TOPIC}", json={}) as answer:
        assert answer.status == 200
    await asyncio.to_thread(publisher.get_topic, topic=TOPIC)


@pytest.mark.parametrize("method", ["Publisher/Publish", "Subscriber/Pull", "Subscriber/StreamingPull"])
@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xc3\x28"])
async def test_bytes_that_are_no_protocol_buffer_are_an_invalid_argument(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture, method: str, raw: bytes
) -> None:
    """A malformed request, cut off or with text that is no UTF-8, is refused with a sentence and logs nothing."""
    async with grpc.aio.insecure_channel(broker.address) as channel:
        call = channel.stream_stream(f"/google.pubsub.v1.{method}")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await anext(aiter(call(iter([raw]))))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caplog.records == []


async def test_a_long_refusal_reaches_the_client(broker: EmbeddedBroker) -> None:
    """A name of a megabyte is refused as what it is, not as a header too large."""
    asked = types.Topic(name=f"projects/p/topics/{'a' * 1_000_000}")
    async with grpc.aio.insecure_channel(broker.address) as channel:
        call = channel.unary_unary("/google.pubsub.v1.Publisher/CreateTopic")
        with pytest.raises(grpc.aio.AioRpcError, match="Invalid resource name"):
            await call(types.Topic.serialize(asked))


_DEEP = b"[" * 100_000
_HALF = r'"\ud800"'
_BAD_BODIES = [
    _DEEP,
    b'{"messages":' + _DEEP,
    b'{"labels":' + b'{"a":' * 100_000,
    b'{"a":' + b"9" * 5_000 + b"}",
    b'{"labels":{"a":"\xed\xa0\x80"}}',
    *(
        text.encode()
        for text in (
            f'{{"messages":[{{"orderingKey":{_HALF}}}]}}',
            f'{{"messages":[{{"data":"e30=","attributes":{{"a":{_HALF}}}}}]}}',
            f'{{"messages":[{{"data":"e30=","attributes":{{{_HALF}:"a"}}}}]}}',
            f'{{"messages":[{{"data":{_HALF}}}]}}',
            f'{{"topic":{_HALF}}}',
            f'{{"labels":{{{_HALF}:"a"}}}}',
            f'{{"state":{_HALF}}}',
            f'{{"pushConfig":{_HALF}}}',
            f'{{"pushConfig":{{"pushEndpoint":{_HALF}}}}}',
            f'{{"pushConfig":{{{_HALF}:1}}}}',
            f'{{"deadLetterPolicy":{{"deadLetterTopic":{_HALF}}}}}',
            f'{{"messageRetentionDuration":{_HALF}}}',
            f'{{"updateMask":{_HALF}}}',
            f'{{"ackIds":[{_HALF}]}}',
            '{"state":1e400}',
            '{"ackDeadlineSeconds":Infinity}',
            '{"maxMessages":NaN}',
        )
    ),
]
_CALLS = [
    ("PUT", f"/v1/{TOPIC}"),
    ("PATCH", f"/v1/{TOPIC}"),
    ("POST", f"/v1/{TOPIC}:publish"),
    ("PUT", f"/v1/{SUBSCRIPTION}-2"),
    ("PATCH", f"/v1/{SUBSCRIPTION}"),
    *(
        ("POST", f"/v1/{SUBSCRIPTION}:{verb}")
        for verb in ("acknowledge", "modifyAckDeadline", "modifyPushConfig", "pull")
    ),
]


async def test_deep_json_and_halves_of_characters_are_refused_by_every_call(
    broker: EmbeddedBroker, rest: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Brackets without end, lone surrogates, numbers beyond all bounds: 400 by every call, and nothing is logged."""
    assert broker.address
    async with rest.put(f"/v1/{TOPIC}", json={}), rest.put(f"/v1/{SUBSCRIPTION}", json={"topic": TOPIC}):
        pass
    wrong = []
    for method, path in _CALLS:
        for body in _BAD_BODIES:
            async with rest.request(method, path, data=body) as answer:
                error = json.loads(await answer.read()).get("error", {})
                if (answer.status, error.get("status")) != (400, "INVALID_ARGUMENT"):
                    wrong.append((method, path, body[:60], answer.status))
    assert wrong == []
    assert caplog.records == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_body_that_is_not_what_its_encoding_says_is_refused(
    rest: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    """It is 400 in Google's shape, and nothing is logged."""
    headers = {"Content-Encoding": encoding}
    async with rest.put(f"/v1/{TOPIC}", data=b"\xff" * 20, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["status"] == "INVALID_ARGUMENT"
    assert caplog.records == []


@pytest.mark.parametrize(
    "query", [f"pageSize={'9' * 5_000}", "pageSize=-1", "pageSize=x", "pageToken=%ED%A0%80", "pageToken=%"]
)
async def test_a_page_that_cannot_be_is_refused(
    rest: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    """A page size or token that is none is 400."""
    async with rest.get(f"/v1/projects/p/topics?{query}") as answer:
        assert answer.status == 400
    assert caplog.records == []


@pytest.mark.parametrize(
    "raw",
    [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"],
)
async def test_malformed_http_is_a_line_in_the_log(
    broker: EmbeddedBroker, rest: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    """Bytes that are no HTTP are refused without a traceback, and the next request is served."""
    host, _, port = broker.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    await reader.read()
    writer.close()
    async with rest.get("/") as answer:
        assert answer.status == 200
    formatted = [logging.Formatter().format(record) for record in caplog.records]
    assert not [text for text in formatted if "\n" in text]
