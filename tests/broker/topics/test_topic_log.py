"""The log of a topic in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.broker.scheduling.messages import StoredMessage
from rookery.broker.topics import topic_log
from rookery.broker.topics.topic_log import MemoryLog

if TYPE_CHECKING:
    import pytest


def messages(*times: float) -> list[StoredMessage]:
    return [StoredMessage(str(number), b"x" * 10, None, "", when) for number, when in enumerate(times)]


def test_it_keeps_messages_for_its_time() -> None:
    """Messages older than the time go as new ones come; without a time nothing is kept."""
    log = MemoryLog()
    log.keep(messages(0.0))
    assert log.since(0.0) == []
    log.turn(10.0)
    log.keep(messages(1.0, 2.0, 3.0))
    assert [each.published_at for each in log.since(2.0)] == [2.0, 3.0]
    log.keep(messages(12.5))
    assert [each.published_at for each in log.since(0.0)] == [3.0, 12.5]
    log.turn(0.0)
    assert log.since(0.0) == []


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound in bytes the oldest messages go."""
    monkeypatch.setattr(topic_log, "MOST_BYTES", 35)
    log = MemoryLog()
    log.turn(1_000.0)
    for when in range(10):
        log.keep(messages(float(when)))
    assert [each.published_at for each in log.since(0.0)] == [7.0, 8.0, 9.0]
