"""`python -m rookery.load.chaos.kills.device`: a publisher that may be killed at any moment and goes on after it.

It keeps a journal of what `publish` returned for. With --outbox it publishes as a device does; without, each request
is one attempt over REST, so that the broker's own answer decides: 200 took all of its messages, an error none, and
neither did a port that nothing listens on.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import signal
import sys
import threading
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from rookery.load.chaos.kills.numbered_readings import NumberedReadings
from rookery.load.chaos.kills.publish_journal import PublishJournal, PublishState
from rookery.schemas.atomic_file import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.publisher.client import ReadingPublisher

_MOST_MESSAGES: Final = 200
_ANSWERS_WITHIN_S: Final = 30.0
_AGAIN_AFTER_S: Final = 0.5


def main() -> int:
    """Publish until SIGTERM, or all readings; returns 0 once nothing is left in the outbox."""
    options = _options()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    readings = NumberedReadings.read(options.readings)
    # A restarted publisher shall not repeat its former random choices.
    dice = Random(f"{options.seed}/{options.name}/{os.getpid()}")  # noqa: S311  repeatability, not secrecy
    with PublishJournal(options.journal) as journal:
        number, wanted = journal.end(), options.count - journal.taken()
        write_atomically(options.ready_file, options.name.encode(), sync=False)

        def publish_all(publish: Callable[[list[bytes]], PublishState]) -> None:
            numbers, left = range(number, number), wanted
            while left > 0 and not stopped.wait(len(numbers) / options.rate):
                numbers = range(numbers.stop, numbers.stop + min(left, dice.randint(1, _MOST_MESSAGES)))
                journal.note(PublishState.SENT, numbers)
                state = publish([readings.payload(options.name, each) for each in numbers])
                journal.note(state, numbers)
                if state is PublishState.TAKEN:
                    left -= len(numbers)
                else:
                    stopped.wait(_AGAIN_AFTER_S)
            # It stays, to be killed as often as before.
            stopped.wait()

        if options.outbox is None:
            publish_all(lambda payloads: request(options.broker, options.topic, payloads))
            return 0
        from rookery.publisher.client import ReadingPublisher  # noqa: PLC0415  half a second of each start
        from rookery.publisher.settings import PublisherSettings  # noqa: PLC0415  the same

        settings = PublisherSettings(broker=options.broker, wire="rest")
        with ReadingPublisher(options.topic, settings=settings, outbox=options.outbox) as publisher:
            publish_all(lambda payloads: _store(publisher, payloads))
            publisher.flush()
    return 0


def _store(publisher: ReadingPublisher, payloads: list[bytes]) -> PublishState:
    for each in payloads:
        publisher.publish_payload(each)
    return PublishState.TAKEN


def request(broker: str, topic: str, payloads: list[bytes]) -> PublishState:
    """Publish in one attempt; SENT where no whole answer came, so that the messages may have arrived."""
    messages = [{"data": base64.b64encode(each).decode()} for each in payloads]
    connection = http.client.HTTPConnection(broker, timeout=_ANSWERS_WITHIN_S)
    try:
        connection.request("POST", f"/v1/{topic}:publish", json.dumps({"messages": messages}))
        answer = connection.getresponse()
        answer.read()
    except ConnectionRefusedError:
        return PublishState.REFUSED
    except (OSError, http.client.HTTPException):
        return PublishState.SENT
    finally:
        connection.close()
    return PublishState.TAKEN if answer.status == http.client.OK else PublishState.REFUSED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--name", "--broker", "--topic"):
        parser.add_argument(name, required=True)
    for name in ("--readings", "--journal", "--ready-file"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--outbox", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="readings a second")
    parser.add_argument("--count", type=int, default=sys.maxsize, help="readings that are to be taken")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
