"""A stand-in for Pub/Sub's StreamingPull: messages made ahead, sent as fast as they are acknowledged.

Run as `python -m benchmarks.generators.streaming_pull BODIES READY`: BODIES holds push bodies with NUL between them, and the
address goes into READY. Each line of the input is `FIRST SECONDS`, and is answered with one line of JSON; with 0 seconds every
body is sent one time, numbered from FIRST.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
import uvloop
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from benchmarks.servers.reference_answers import MARK
from rookery.load.percentile import percentile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

A_RESPONSE: Final = 500
"""Messages of one response."""

OUTSTANDING: Final = 2_000
"""Messages that wait for their acknowledgement at the most, unless the subscriber allows fewer."""

_ACK_ID_BYTES: Final = 176
"""About as long as Pub/Sub's own ack ids are."""

_LEFT_S: Final = 5.0
"""Seconds after the end within which the last messages may be acknowledged."""


def template(body: bytes) -> list[bytes]:
    """Cut a push's message, as a response with nothing else, where its number goes: responses may be put together."""
    message = json.loads(body)["message"]
    pushed = types.PubsubMessage.pb()(
        data=base64.b64decode(message["data"]), attributes=message["attributes"], message_id=MARK
    )
    pushed.publish_time.FromJsonString(message["publishTime"])
    received = types.ReceivedMessage.pb()(ack_id=MARK.rjust(_ACK_ID_BYTES, "x"), message=pushed)
    response: bytes = types.StreamingPullResponse.pb()(received_messages=[received]).SerializeToString()
    return response.split(MARK.encode())


class Stretch:
    """One stretch of messages: when each response was sent, and how long each message waited for its acknowledgement."""

    def __init__(self, first: int) -> None:
        self.first = self.next = first
        self.sent: list[float] = []
        self.waited: list[float] = []
        self.nacked = 0
        self.began = time.perf_counter()
        self.last = self.began

    @property
    def outstanding(self) -> int:
        """Messages that wait for their acknowledgement."""
        return self.next - self.first - len(self.waited)

    def acknowledged(self, ack_ids: Sequence[str]) -> None:
        """Take acknowledgements."""
        self.last = time.perf_counter()
        digits = len(MARK)
        for each in ack_ids:
            self.waited.append(self.last - self.sent[(int(each[-digits:]) - self.first) // A_RESPONSE])

    def summary(self) -> dict[str, Any]:
        """The summary of a load generator."""
        waited = sorted(1e3 * each for each in self.waited)
        return {
            "requests": len(waited),
            "seconds": self.last - self.began,
            "p50_ms": percentile(waited, 0.5),
            "p99_ms": percentile(waited, 0.99),
            "refused": self.nacked,
            "broken": self.outstanding,
        }


class MessageSource:
    """The service: one subscriber, one stretch at a time."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._templates = [template(each) for each in bodies]
        self._stretch = Stretch(0)
        self._most = OUTSTANDING
        self._wanted: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._freed = asyncio.Event()

    async def streaming_pull(self, requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        """Send whatever a stretch puts into the queue."""
        first = types.StreamingPullRequest.pb().FromString(await anext(requests))
        self._most = min(OUTSTANDING, first.max_outstanding_messages or OUTSTANDING)
        while True:
            yield await self._wanted.get()

    async def acknowledge(self, request: bytes, _: Any) -> bytes:
        """Take acknowledgements."""
        self._stretch.acknowledged(types.AcknowledgeRequest.pb().FromString(request).ack_ids)
        self._freed.set()
        return Empty().SerializeToString()

    async def modify_ack_deadline(self, request: bytes, _: Any) -> bytes:
        """Take nacks; leases do not end here."""
        asked = types.ModifyAckDeadlineRequest.pb().FromString(request)
        if not asked.ack_deadline_seconds:
            self._stretch.nacked += len(asked.ack_ids)
        return Empty().SerializeToString()

    async def run(self, first: int, seconds: float) -> dict[str, Any]:
        """Send messages for so many seconds, or one round of them; gives the summary when all are acknowledged."""
        stretch = self._stretch = Stretch(first)
        until = stretch.began + seconds
        while time.perf_counter() < until if seconds else stretch.next == first:
            if stretch.outstanding + A_RESPONSE > self._most:
                await self._free(_LEFT_S)
                continue
            count = A_RESPONSE if seconds else len(self._templates)
            await self._wanted.put(self._response(stretch.next, count))
            stretch.sent.append(time.perf_counter())
            stretch.next += count
        left = time.perf_counter() + _LEFT_S
        while stretch.outstanding and time.perf_counter() < left:
            await self._free(left - time.perf_counter())
        return stretch.summary()

    def _response(self, first: int, count: int) -> bytes:
        templates = self._templates
        return b"".join(
            [
                (b"%016d" % number).join(templates[number % len(templates)])
                for number in range(first, first + count)
            ]
        )

    async def _free(self, within_s: float) -> None:
        self._freed.clear()
        try:
            await asyncio.wait_for(self._freed.wait(), within_s)
        except TimeoutError:
            return


async def _serve(bodies: Sequence[bytes], ready: Path) -> None:
    source = MessageSource(bodies)
    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    handlers: dict[str, Any] = {
        "StreamingPull": grpc.stream_stream_rpc_method_handler(source.streaming_pull),
        "Acknowledge": grpc.unary_unary_rpc_method_handler(source.acknowledge),
        "ModifyAckDeadline": grpc.unary_unary_rpc_method_handler(source.modify_ack_deadline),
    }
    service = grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready.with_suffix(".new").write_text(f"127.0.0.1:{port}")
    ready.with_suffix(".new").rename(ready)
    while line := await asyncio.to_thread(sys.stdin.readline):
        first, seconds = line.split()
        sys.stdout.write(json.dumps(await source.run(int(first), float(seconds))) + "\n")
        sys.stdout.flush()
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]).read_bytes().split(b"\0"), Path(sys.argv[2])))
