"""A program that publishes, forks while it publishes, and publishes in its children, with the publisher it had before.

Run as `python forking_device.py BROKER TOPIC WIRE OUTBOX|- fork|process|async CHILDREN`; exits with 0 if all went well.
"""

from __future__ import annotations

import asyncio
import faulthandler
import multiprocessing
import os
import sys
import threading
from typing import TYPE_CHECKING

from rookery.publisher.async_client import AsyncReadingPublisher
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.errors import ForkedError
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from rookery.publisher.receipt import Receipt
    from rookery.schemas.reading import Reading

HANGS_AFTER_S = 60.0


def reading(name: str) -> Reading:
    return ReadingFactory(seed=1).reading(reading_id=name)


def child(publisher: ReadingPublisher, before: Receipt, number: int) -> None:
    """A child publishes over its parent's publisher."""
    faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
    assert isinstance(before.exception(), ForkedError)
    assert before.done()
    publisher.publish(reading(f"child-{number}")).result(HANGS_AFTER_S)


async def async_child(publisher: AsyncReadingPublisher, before: Receipt, number: int) -> None:
    """The same, awaited."""
    faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
    try:
        await before
    except ForkedError:
        receipt = await publisher.publish(reading(f"child-{number}"))
        await receipt
        await publisher.close()


def begin(how: str, publisher: ReadingPublisher, before: Receipt, number: int) -> int:
    """Start a child and wait for its end; returns its exit code."""
    if how == "process":
        started = multiprocessing.get_context("fork").Process(target=child, args=(publisher, before, number))
        started.start()
        started.join()
        return started.exitcode or 0
    if (pid := os.fork()) == 0:
        code = 1
        try:
            child(publisher, before, number)
            code = 0
        finally:
            # Not closed: an outbox would wait for what the parent stores meanwhile.
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def blocking(publisher: ReadingPublisher, how: str, children: int) -> None:
    """Fork while another thread publishes, so that a child begins in the middle of everything."""
    ended = threading.Event()

    def busy() -> None:
        number = 0
        while not ended.is_set():
            publisher.publish(reading(f"busy-{number}")).result(HANGS_AFTER_S)
            number += 1

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for number in range(children):
            before = publisher.publish(reading(f"parent-{number}"))
            assert begin(how, publisher, before, number) == 0
    finally:
        ended.set()
        thread.join()
    publisher.flush()
    publisher.close()


async def awaiting(publisher: AsyncReadingPublisher, children: int) -> None:
    for number in range(children):
        before = await publisher.publish(reading(f"parent-{number}"))
        if (pid := os.fork()) == 0:
            code = 1
            try:
                asyncio.run(async_child(publisher, before, number))
                code = 0
            finally:
                os._exit(code)
        ended = await asyncio.to_thread(os.waitpid, pid, 0)
        assert os.waitstatus_to_exitcode(ended[1]) == 0
        await before
    await publisher.close()


def main(broker: str, topic: str, wire: str, outbox: str, *what: str) -> None:
    how, children = what[0], int(what[1])
    settings = PublisherSettings(broker=broker, wire=wire)
    kept = None if outbox == "-" else outbox
    if how == "async":
        asyncio.run(awaiting(AsyncReadingPublisher(topic, settings=settings, outbox=kept), children))
    else:
        blocking(ReadingPublisher(topic, settings=settings, outbox=kept), how, children)


if __name__ == "__main__":
    main(*sys.argv[1:])
