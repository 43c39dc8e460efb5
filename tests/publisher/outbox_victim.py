"""A device that stores readings until it is killed: forked again and again from one warm process.

Run as `python outbox_victim.py FOLDER BROKER TOPIC KILLS SEED`; prints the ids that `publish` returned for.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

# Imported before the forks, so that a child lives for its readings and not for its imports.
import publisher.outbox_sender
import publisher.rest  # noqa: F401  the same
from publisher.client import ReadingPublisher
from publisher.settings import PublisherSettings
from schemas.reading import Reading


def device(outbox: str, broker: str, topic: str, told: int, kill: int) -> None:
    settings = PublisherSettings(broker=broker, wire="rest", give_up_s=1, attempt_s=1)
    publisher = ReadingPublisher(topic, settings=settings, outbox=outbox)
    for number in range(100_000):
        name = f"k{kill}-{number}"
        publisher.publish(Reading(bill_length_mm=39.1, reading_id=name))
        os.write(told, f"{name}\n".encode())


def main(folder: str, broker: str, topic: str, kills: int, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311  any moment will do
    for kill in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            device(f"{folder}/outbox.db", broker, topic, writer, kill)
        os.close(writer)
        # The kill comes at a random moment: that is what is tried.
        time.sleep(moments.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as told:
            text = told.read()
        # What was printed without its end was still returned for.
        sys.stdout.write(text.decode())
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
