"""A device that stores readings until it is killed: forked again and again from one warm process.

Run as `python outbox_victim.py FOLDER BROKER TOPIC KILLS SEED`; prints the ids that `publish` returned for.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from typing import Final

# Imported before the forks, so that a child lives for its readings and not for its imports.
import rookery.publisher.outbox.sender
import rookery.publisher.transports.rest  # noqa: F401  the same
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.reading import Reading

STEP: Final = b"."
"""Written for each step; ids of readings have none in them."""

STEPS: Final = 10_000
"""A device is killed before it took many more: opening takes some 3,000, publishing a reading some 170."""


def report_steps(pipe: int) -> None:
    """Write STEP at each call and return of this thread, those of C functions as SQLite's included."""

    def step(*_: object) -> None:
        os.write(pipe, STEP)

    sys.setprofile(step)


def device(outbox: str, broker: str, topic: str, pipe: int, kill: int) -> None:
    settings = PublisherSettings(broker=broker, wire="rest", give_up_s=1, attempt_s=1)
    report_steps(pipe)
    publisher = ReadingPublisher(topic, settings=settings, outbox=outbox)
    for number in range(100_000):
        name = f"k{kill}-{number}"
        publisher.publish(Reading(bill_length_mm=39.1, reading_id=name))
        os.write(pipe, f"{name}\n".encode())


def killed_after(steps: int, child: int, pipe: int) -> bytes:
    """Kill a child once it took that many steps; gives all that it wrote."""
    text = b""
    while text.count(STEP) < steps and (more := os.read(pipe, 1_024)):
        text += more
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(pipe, "rb") as rest:
        return text + rest.read()


def main(folder: str, broker: str, topic: str, kills: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  any step will do
    for kill in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            device(f"{folder}/outbox.db", broker, topic, writer, kill)
        os.close(writer)
        text = killed_after(chance.randrange(STEPS), child, reader)
        # An id whose line is cut short was still returned for.
        sys.stdout.write(text.replace(STEP, b"").decode())
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
