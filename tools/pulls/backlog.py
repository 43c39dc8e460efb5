"""A trial of a backlog: the broker keeps messages on disk, its memory bounded, and delivers them at full rate afterwards.

python -m tools.pulls.backlog --rows 5000000
"""

from __future__ import annotations

import queue
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import grpc
import psutil
import typer

from rookery.broker.service import proto
from rookery.errors import EXIT_FAILED
from rookery.load.child_process import ChildProcess, module_command
from rookery.load.footprint import footprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.broker.service.proto import Proto

MOST_RESIDENT: Final = 300_000_000
"""Bytes that the broker may have resident, whatever the backlog."""
FULL_RATE: Final = 0.7
"""The rate of what was on disk, as a share of that of the first messages, which are in memory."""
_MESSAGE_BYTES: Final = 200
_TOGETHER: Final = 500
_PUBLISHERS: Final = 4
_FIRST: Final = 50_000
_OUTSTANDING: Final = 5_000
_TOPIC: Final = "projects/p/topics/backlog"
_SUBSCRIPTION: Final = "projects/p/subscriptions/backlog"
_SERVICE: Final = "/google.pubsub.v1."
_STEP_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.1


@dataclass(slots=True)
class BacklogOutcome:
    """Messages that were delivered, and what the broker needed for them; CPU in seconds, memory in bytes."""

    rows: int
    found: bytearray = field(default_factory=bytearray)
    repeated: int = 0
    filling: float = 0.0
    filling_cpu: float = 0.0
    first: float = 0.0
    """Messages for a second of the broker's CPU, of the first ones."""
    later: float = 0.0
    """The same of all behind them."""
    seconds: float = 0.0
    resident: int = 0

    @property
    def missing(self) -> int:
        """How many messages were not delivered."""
        return self.found.count(0)

    @property
    def good(self) -> bool:
        """Whether every message came, at full rate, with the broker's memory bounded."""
        return not self.missing and self.resident < MOST_RESIDENT and self.later >= FULL_RATE * self.first

    def lines(self) -> Iterator[str]:
        """The outcome for a terminal."""
        yield (
            f"{self.rows} messages published in {self.filling:.1f} s ({self.filling_cpu:.1f} s of the broker's CPU)"
        )
        yield (
            f"{self.rows - self.missing} delivered in {self.seconds:.1f} s, {self.missing} missing, {self.repeated} repeated;"
            f" {self.later:,.0f} for a second of CPU, the first {min(_FIRST, self.rows)} {self.first:,.0f}"
        )
        yield f"the broker had at most {self.resident / 1e6:.0f} MB resident, {MOST_RESIDENT / 1e6:.0f} are allowed"


def run(folder: Path, rows: int) -> BacklogOutcome:
    """Publish so many messages to a broker without a reader, then read them all."""
    outcome = BacklogOutcome(rows, found=bytearray(rows))
    command = module_command("rookery.broker", "--data", str(folder / "data"), "--port", "0")
    command += ["--max-store-gib", "100", "--ready-file", str(folder / "broker.ready")]
    with ChildProcess("broker", command, folder=folder) as broker, _watched(broker, outcome):
        address = broker.address()
        with grpc.insecure_channel(address) as channel:
            _call(channel, "Publisher/CreateTopic", proto.Topic(name=_TOPIC))
            subscription = proto.Subscription(name=_SUBSCRIPTION, topic=_TOPIC, ack_deadline_seconds=600)
            _call(channel, "Subscriber/CreateSubscription", subscription)
            began, cpu = time.monotonic(), _cpu_seconds(broker)
            with ThreadPoolExecutor(_PUBLISHERS) as publishers:
                list(publishers.map(lambda nth: _publish(address, nth, rows), range(_PUBLISHERS)))
            outcome.filling, outcome.filling_cpu = time.monotonic() - began, _cpu_seconds(broker) - cpu
            _read(channel, broker, outcome)
    return outcome


def _publish(address: str, nth: int, rows: int) -> None:
    """Publish every `_PUBLISHERS`-th request of all, one at a time."""
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        for first in range(nth * _TOGETHER, rows, _PUBLISHERS * _TOGETHER):
            numbers = range(first, min(first + _TOGETHER, rows))
            data = (each.to_bytes(8, "big").ljust(_MESSAGE_BYTES, b"x") for each in numbers)
            messages = [proto.PubsubMessage(data=each) for each in data]
            _call(channel, "Publisher/Publish", proto.PublishRequest(topic=_TOPIC, messages=messages))


def _read(channel: grpc.Channel, broker: ChildProcess, outcome: BacklogOutcome) -> None:
    """Pull and acknowledge everything through one stream."""
    asked: queue.SimpleQueue[Proto | None] = queue.SimpleQueue()
    asked.put(
        proto.StreamingPullRequest(
            subscription=_SUBSCRIPTION,
            stream_ack_deadline_seconds=600,
            max_outstanding_messages=_OUTSTANDING,
        )
    )
    stream = channel.stream_stream(
        f"{_SERVICE}Subscriber/StreamingPull",
        request_serializer=proto.StreamingPullRequest.SerializeToString,
        response_deserializer=proto.StreamingPullResponse.FromString,
    )(iter(asked.get, None), timeout=_STEP_S + outcome.rows / 1_000)
    left, began, cpu, marked = outcome.rows, time.monotonic(), _cpu_seconds(broker), 0.0
    for response in stream:
        for each in response.received_messages:
            number = int.from_bytes(each.message.data[:8], "big")
            outcome.repeated += outcome.found[number]
            left -= not outcome.found[number]
            outcome.found[number] = 1
        asked.put(proto.StreamingPullRequest(ack_ids=[each.ack_id for each in response.received_messages]))
        if not marked and outcome.rows - left >= min(_FIRST, outcome.rows):
            marked, first = _cpu_seconds(broker), outcome.rows - left
            outcome.first = outcome.later = first / (marked - cpu)
        if not left:
            break
    outcome.seconds = time.monotonic() - began
    if outcome.rows > first:
        outcome.later = (outcome.rows - first) / (_cpu_seconds(broker) - marked)
    stream.cancel()
    asked.put(None)


def _call(channel: grpc.Channel, method: str, request: Proto) -> None:
    call: grpc.UnaryUnaryMultiCallable[Proto, bytes] = channel.unary_unary(
        f"{_SERVICE}{method}", request_serializer=type(request).SerializeToString
    )
    call(request, timeout=_STEP_S)


@contextmanager
def _watched(broker: ChildProcess, outcome: BacklogOutcome) -> Iterator[None]:
    """Note the most memory that the broker has resident meanwhile."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_EVERY_S):
            outcome.resident = max(outcome.resident, footprint(broker.pid).resident)

    watcher = threading.Thread(target=watch, name="watch")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _cpu_seconds(broker: ChildProcess) -> float:
    times = psutil.Process(broker.pid).cpu_times()
    return float(times.user + times.system)


def main(
    *,
    rows: Annotated[int, typer.Option(min=1_000)] = 5_000_000,
    work_dir: Annotated[Path | None, typer.Option(help="Folder to keep.")] = None,
) -> None:
    """Publish so many messages, read them afterwards; exit code 0 where all came, at full rate, with memory bounded."""
    with tempfile.TemporaryDirectory(prefix="rookery-backlog-") as temporary:
        outcome = run(work_dir or Path(temporary), rows)
    for line in outcome.lines():
        typer.echo(line)
    sys.exit(0 if outcome.good else EXIT_FAILED)


if __name__ == "__main__":
    typer.run(main)
