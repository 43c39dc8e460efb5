"""The outbox: what `publish` returned for is sent, whatever happens to the device, its link or its power."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from rookery.publisher.async_client import AsyncReadingPublisher
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.commands.outbox import app
from rookery.publisher.errors import (
    BadOutboxError,
    ClosedError,
    OutboxFullError,
    PublishError,
    RefusedError,
    StillStoredError,
    UnreachableError,
)
from rookery.publisher.message import OutgoingMessage
from rookery.publisher.outbox.sender import SENT_ELSEWHERE, OutboxSender
from rookery.publisher.outbox.sender_lock import SenderLock
from rookery.publisher.outbox.store import Outbox
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.codec import DecodedTable, decode
from rookery.schemas.reading import Reading
from rookery.schemas.table import ReadingTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.publisher.conftest import Topic

TOPIC = "projects/rookery-test/topics/readings"
NO_BROKER = PublisherSettings(broker="127.0.0.1:1", wire="rest", give_up_s=0.2, attempt_s=0.2)
KILLS = int(os.environ.get("ROOKERY_TEST_KILLS", "40"))
"""How often a device is killed; the project promises 1,000."""


class Link:
    """A transport whose link a test cuts and restores, and which refuses payloads that a test names."""

    address = "link"

    def __init__(self) -> None:
        self.up = True
        self.refuses = b""
        self.sent: list[bytes] = []

    def reach(self, timeout_s: float) -> None:
        """It is there."""

    def send(self, message: OutgoingMessage) -> Future[str]:
        answer: Future[str] = Future()
        error: PublishError | None = None if self.up else UnreachableError("link", 1)
        if self.refuses and message.payload == self.refuses:
            error = RefusedError("staged")
        if error is not None:
            answer.set_exception(error)
        else:
            self.sent.append(message.payload)
            answer.set_result(f"id-{len(self.sent)}")
        return answer

    def close(self) -> None:
        """Nothing to release."""


def sender(path: Path, link: Link) -> OutboxSender:
    return OutboxSender(Outbox(path), lambda: link, first_pause_s=0.01)


def test_a_reading_gets_an_identity_and_its_message_id(topic: Topic, tmp_path: Path) -> None:
    """A stored message is sent unchanged, under an id of its own, over REST, and then deleted."""
    settings = PublisherSettings(broker=topic.broker, wire="rest")
    with ReadingPublisher(topic.name, settings=settings, outbox=tmp_path / "out.db") as publisher:
        receipts = [
            publisher.publish(Reading(bill_length_mm=39.1)),
            publisher.publish(ReadingTable(bill_length_mm=[39.1, 40.2], reading_id=["own", None])),
        ]
        ids = {receipt.result(10) for receipt in receipts}
        publisher.flush()
    messages = topic.take(2)
    assert {message.message_id for message in messages} == ids
    assert {message.attributes["rookery_schema"] for message in messages} == {"1"}
    decoded = {type(each): each for each in (decode(message.data) for message in messages)}
    assert decoded[Reading].reading_id
    names = decoded[DecodedTable].table.reading_id
    assert names[0] == "own"
    assert names[1].endswith("-1")
    with Outbox(tmp_path / "out.db") as outbox:
        assert (outbox.status().messages, outbox.status().bytes) == (0, 0)


def test_without_a_link_publish_returns_and_a_later_program_sends(topic: Topic, tmp_path: Path) -> None:
    """Publishing and closing need no link and raise nothing; the next program that opens the outbox sends it all."""
    path = tmp_path / "out.db"
    with ReadingPublisher(topic.name, settings=NO_BROKER, outbox=path) as publisher:
        for number in range(5):
            publisher.publish(Reading(bill_length_mm=39.1, reading_id=f"r{number}"))
        with pytest.raises(StillStoredError, match=r"5 messages wait.*127\.0\.0\.1:1"):
            publisher.flush()
    with pytest.raises(ClosedError):
        publisher.publish(Reading(bill_length_mm=39.1))
    shown = CliRunner().invoke(app, ["status", str(path)])
    assert shown.output.startswith("5 messages (5 readings, ")
    drained = CliRunner().invoke(app, ["drain", str(path), "--broker", topic.broker])
    assert (drained.exit_code, drained.stdout) == (0, f"Sent 5 of 5 messages to {topic.name}\n")
    assert {decode(message.data).reading_id for message in topic.take(5)} == {f"r{n}" for n in range(5)}


def test_what_an_earlier_program_left_is_sent_by_opening_alone(topic: Topic, tmp_path: Path) -> None:
    """No flush, no further reading: open the outbox and close it again, and what was stored is gone, every time."""
    for number in range(20):
        with Outbox(path := tmp_path / f"{number}.db") as outbox:
            outbox.claim(topic.name)
            outbox.store(OutgoingMessage(f'{{"bill_length_mm":39.1,"reading_id":"r{number}"}}'.encode(), {}))
        settings = PublisherSettings(broker=topic.broker, wire="rest")
        ReadingPublisher(topic.name, settings=settings, outbox=path).open().close()
        with Outbox(path) as outbox:
            assert outbox.status().messages == 0
    assert len(topic.take(20)) == 20


def test_a_link_that_comes_back_is_used(tmp_path: Path) -> None:
    """While it is away everything waits, in order, and is sent without a request."""
    link = Link()
    link.up = False
    out = sender(tmp_path / "out.db", link)
    answers = [out.store(OutgoingMessage(f"{number}".encode(), {})) for number in range(3)]
    with pytest.raises(StillStoredError):
        out.flush(0.1)
    link.up = True
    assert [answer.result(10) for answer in answers] == ["id-1", "id-2", "id-3"]
    assert link.sent == [b"0", b"1", b"2"]
    out.close()


def test_what_pub_sub_refuses_is_set_aside_alone(tmp_path: Path) -> None:
    """One message that can never pass costs its neighbours nothing, and is kept for people."""
    link = Link()
    link.refuses = b"1"
    out = sender(tmp_path / "out.db", link)
    answers = [out.store(OutgoingMessage(f"{number}".encode(), {})) for number in range(3)]
    with pytest.raises(RefusedError):
        answers[1].result(10)
    out.flush(10)
    out.close()
    assert link.sent == [b"0", b"2"]
    with Outbox(tmp_path / "out.db") as outbox:
        assert outbox.status().refused == 1
        assert outbox.readmit() == 1
        assert [each.message.payload for each in outbox.waiting()] == [b"1"]


def test_one_process_sends_and_the_others_learn_of_it(tmp_path: Path) -> None:
    """Of two senders one holds the lock; what the other stored is sent by it, or by the other once it is gone."""
    first_link, second_link = Link(), Link()
    first, second = sender(tmp_path / "out.db", first_link), sender(tmp_path / "out.db", second_link)
    assert first.store(OutgoingMessage(b"0", {})).result(10) == "id-1"
    assert second.store(OutgoingMessage(b"1", {})).result(10) == SENT_ELSEWHERE
    first.close()
    assert second.store(OutgoingMessage(b"2", {})).result(10) == "id-1"
    second.close()
    assert (first_link.sent, second_link.sent) == ([b"0", b"1"], [b"2"])


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    """No other process gets it before it is released."""
    one, other = SenderLock(tmp_path / "out.db"), SenderLock(tmp_path / "out.db")
    assert (one.hold(), one.hold(), other.hold()) == (True, True, False)
    one.release()
    assert other.hold()
    other.release()


def test_a_full_outbox_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    """At its bound it raises, stores nothing, and takes messages again when some were sent."""
    with Outbox(tmp_path / "out.db", max_bytes=10) as outbox:
        first = outbox.store(OutgoingMessage(b"12345", {}))
        outbox.store(OutgoingMessage(b"12345", {}))
        with pytest.raises(OutboxFullError, match="may hold 10 bytes"):
            outbox.store(OutgoingMessage(b"6", {}))
        outbox.delete([first])
        outbox.store(OutgoingMessage(b"6", {}))
        assert (outbox.status().messages, outbox.status().bytes, outbox.status().dropped) == (2, 6, 0)


def test_a_full_outbox_may_drop_the_oldest_and_counts_them(tmp_path: Path) -> None:
    """With that policy the newest are there, and the dropped ones are counted."""
    with Outbox(tmp_path / "out.db", max_bytes=10, when_full="drop-oldest") as outbox:
        for number in range(4):
            outbox.store(OutgoingMessage(f"{number}2345".encode(), {}), rows=2)
        assert [each.message.payload for each in outbox.waiting()] == [b"22345", b"32345"]
        assert (outbox.status().dropped, outbox.status().readings) == (4, 4)
        with pytest.raises(OutboxFullError):
            outbox.store(OutgoingMessage(b"x" * 11, {}))


def test_an_outbox_belongs_to_one_topic(tmp_path: Path) -> None:
    """Readings never go where they were not meant to go; a file that is no outbox is named."""
    path = tmp_path / "out.db"
    ReadingPublisher(TOPIC, settings=NO_BROKER, outbox=path).open().close()
    with pytest.raises(BadOutboxError, match="are for projects/rookery-test/topics/readings"):
        ReadingPublisher(TOPIC + "2", settings=NO_BROKER, outbox=path).open()
    (tmp_path / "text").write_text("no outbox, but a text that is long enough" * 50)
    assert CliRunner().invoke(app, ["status", str(tmp_path / "text")]).exit_code == 2
    with pytest.raises(ValueError, match="refuse or drop-oldest"):
        Outbox(path, when_full="burn")


def test_an_outbox_is_opened_by_the_first_use(tmp_path: Path) -> None:
    """The constructor leaves the file alone; `with`, `open`, `publish` and `flush` open it, and closing opens none."""
    path = tmp_path / "out.db"
    unopened = ReadingPublisher(TOPIC, settings=NO_BROKER, outbox=path)
    assert not path.exists()
    unopened.close()
    assert not path.exists()
    with pytest.raises(ClosedError):
        unopened.open()
    uses: dict[str, Callable[[ReadingPublisher], object]] = {
        "with": lambda publisher: publisher.__enter__(),
        "open": lambda publisher: publisher.open().open(),
        "publish": lambda publisher: publisher.publish(Reading(bill_length_mm=39.1)),
        "flush": lambda publisher: publisher.flush(),
    }
    for name, use in uses.items():
        publisher = ReadingPublisher(TOPIC, settings=NO_BROKER, outbox=tmp_path / name)
        use(publisher)
        publisher.close()
        with Outbox(tmp_path / name) as outbox:
            assert outbox.status().topic == TOPIC


def test_many_threads_store_and_none_is_lost(tmp_path: Path) -> None:
    """Eight threads at once: every message is sent once."""
    link = Link()
    out = sender(tmp_path / "out.db", link)

    def store(thread: int) -> None:
        for number in range(20):
            out.store(OutgoingMessage(f"{thread}-{number}".encode(), {}))

    threads = [threading.Thread(target=store, args=(thread,)) for thread in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    out.flush(20)
    out.close()
    assert sorted(link.sent) == sorted(f"{t}-{n}".encode() for t in range(8) for n in range(20))


async def test_the_async_face_stores_and_awaits(topic: Topic, tmp_path: Path) -> None:
    """A receipt can be awaited, with an outbox and without one."""
    settings = PublisherSettings(broker=topic.broker)
    for outbox in (None, tmp_path / "out.db"):
        async with AsyncReadingPublisher(topic.name, settings=settings, outbox=outbox) as publisher:
            receipts = [await publisher.publish(Reading(bill_length_mm=39.1)) for _ in range(3)]
            ids = await asyncio.gather(*receipts)
            await publisher.flush()
        assert len(set(ids)) == 3
        assert {message.message_id for message in topic.take(3)} == set(ids)


@pytest.mark.timeout(600)
def test_a_device_that_is_killed_loses_nothing(topic: Topic, tmp_path: Path) -> None:
    """Killed at one step or another of its code, again and again: every id that `publish` returned for arrives."""
    victim = Path(__file__).with_name("outbox_victim.py")
    done = subprocess.run(
        [sys.executable, str(victim), str(tmp_path), topic.broker, topic.name, str(KILLS), "7"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    returned = set(done.stdout.split())
    assert len(returned) > KILLS // 4
    drained = CliRunner().invoke(app, ["drain", str(tmp_path / "outbox.db"), "--broker", topic.broker])
    assert drained.exit_code == 0, drained.output
    arrived: set[str] = set()
    while messages := topic.take(1):
        arrived |= {decode(message.data).reading_id for message in messages}
        if returned <= arrived:
            break
    assert returned <= arrived


def test_an_outbox_is_its_users_alone_in_all_its_files(tmp_path: Path) -> None:
    """The database, its log and the index of that, from the first moment on."""
    before = os.umask(0)
    try:
        with Outbox(tmp_path / "out.db") as outbox:
            outbox.store(OutgoingMessage(b"secret", {}))
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes.keys() >= {"out.db", "out.db-wal", "out.db-shm"}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_an_outbox_that_was_removed_keeps_nothing_more_until_what_it_held_is_sent(
    tmp_path: Path,
    replaced: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    """`store` returns for no message that would be gone with the process; the ones before are sent, then a new file is made."""
    path, link = tmp_path / "outbox.db", Link()
    link.up = False
    devices = sender(path, link)
    first = devices.store(OutgoingMessage(b"first", {}))
    for each in tmp_path.glob("outbox.db*"):
        if each.name != "outbox.db-sender":
            each.unlink()
    if replaced:
        path.write_bytes(b"")
    with pytest.raises(BadOutboxError, match=r"outbox\.db: it was removed or replaced"):
        devices.store(OutgoingMessage(b"second", {}))
    link.up = True
    assert first.result(timeout=30)
    devices.flush(30)
    assert set(link.sent) == {b"first", b"second"}
    link.up = False
    devices.store(OutgoingMessage(b"third", {}))
    assert [each.message.payload for each in Outbox(path).waiting()] == [b"third"]
    devices.close(0)
