"""Publishers as fast as a broker answers them: `python -m benchmarks.generators.publishers ADDRESS TOPIC ...`.

Each publisher has a connection and one request at a time. Requests are written once and sent as they are, so that these
programs cost little beside the broker. With `--seconds` each process says `ready` and reads a moment of the system's
monotonic clock, the same for all; it publishes at once and prints how many messages were taken from that moment on.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import grpc

from rookery.broker.service import proto

if TYPE_CHECKING:
    from collections.abc import Callable

METHOD: Final = "/google.pubsub.v1.Publisher/Publish"
MESSAGE_BYTES: Final = 200
_ANSWERS_WITHIN_S: Final = 60.0


def main() -> None:
    """Publish between two moments, or so many messages, and print the count."""
    options = _options()
    if options.seconds:
        print("ready", flush=True)  # noqa: T201  the program that started it waits for this line
        options.begin = float(sys.stdin.readline())
    message = proto.PubsubMessage(data=b"x" * MESSAGE_BYTES)
    request = proto.PublishRequest(topic=options.topic, messages=[message] * options.batch)
    taken: list[int] = []
    lock = threading.Lock()

    def publish(wanted: int) -> None:
        with grpc.insecure_channel(options.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            found = _published(channel.unary_unary(METHOD), request.SerializeToString(), options, wanted)
        with lock:
            taken.append(found)

    threads = [
        threading.Thread(target=publish, args=(options.count // options.publishers,))
        for _ in range(options.publishers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) < len(threads):
        raise SystemExit("a publisher failed")
    print(sum(taken))  # noqa: T201  the answer of the program


def _published(call: Callable[..., bytes], request: bytes, options: argparse.Namespace, wanted: int) -> int:
    """Publish until there are as many as wanted, or the time is over; counts those of the time."""
    taken, batch = 0, int(options.batch)
    while True:
        call(request, timeout=_ANSWERS_WITHIN_S)
        now = time.monotonic()
        if options.count:
            taken += batch
            if taken >= wanted:
                return taken
        elif now > options.begin + options.seconds:
            return taken
        elif now >= options.begin:
            taken += batch


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("topic")
    parser.add_argument("--batch", type=int, default=1, help="messages a request")
    parser.add_argument("--publishers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--count", type=int, default=0, help="messages, instead of a time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
