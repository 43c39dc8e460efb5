"""The listener: times from publication to a durable line, from the sink's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.load.swarm.durability_listener import Listener
from rookery.load.swarm.per_second_stats import PerSecondStats, SwarmTotals, beats

if TYPE_CHECKING:
    from pathlib import Path


NOTHING = SwarmTotals(users=0, readings=0, messages=0, unconfirmed=0, durable=0)


def test_a_watched_reading_is_heard_once(tmp_path: Path) -> None:
    """Half a line is not durable yet; a whole one is heard with its age, and never again, sealed or not."""
    heard: list[float] = []
    now = 10.0
    listener = Listener([tmp_path], heard.append, clock=lambda: now)
    listener.watch("run-1~", 8.0)
    segment = tmp_path / ".open-a.ndjson"
    segment.write_text('{"reading_id":"run-1~","species":"Ade')
    listener.look()
    assert (heard, listener.lines) == ([], 0)
    segment.write_text('{"reading_id":"run-1~","species":"Adelie"}\n{"reading_id":"run-2"}\n')
    listener.look()
    segment.rename(tmp_path / "a.ndjson")
    listener.look()
    assert (heard, listener.lines) == ([2.0], 2)


def test_watching_costs_the_same_however_many_there_are(tmp_path: Path) -> None:
    """However often it is asked, the listener wants one reading each five milliseconds."""
    now = 0.0
    listener = Listener([tmp_path], lambda _: None, clock=lambda: now)
    wanted = 0
    for nth in range(1_000):
        now = nth / 10_000
        wanted += listener.wants()
    assert 18 <= wanted <= 20


def test_without_a_folder_nothing_is_watched() -> None:
    """A swarm at a target whose results are elsewhere remembers no reading."""
    assert not Listener([], lambda _: None).wants()


def test_a_beat_says_what_its_second_held(tmp_path: Path) -> None:
    """Latencies are those of their second; `stress` uses the median of the last five."""
    with PerSecondStats(tmp_path / "beats") as stats:
        for ms in (1.0, 2.0, 9.0):
            stats.published(ms)
        stats.durable(1200.0)
        stats.beat(NOTHING)
        assert stats.latency_ms == 1200.0
        stats.beat(NOTHING)
    first, second = beats(tmp_path / "beats")
    assert (first.requests, first.publish_p50_ms, first.publish_p99_ms) == (3, 2.0, 9.0)
    assert (first.durable_p50_ms, second.durable_p50_ms, second.requests) == (1200.0, None, 0)


def test_a_slow_minute_is_forgotten(tmp_path: Path) -> None:
    """Five quick seconds after a slow one, the latency is that of the quick ones."""
    with PerSecondStats(tmp_path / "beats") as stats:
        for ms in (5000.0, 20.0, 20.0, 20.0, 20.0, 20.0):
            stats.durable(ms)
            stats.beat(NOTHING)
        assert stats.latency_ms == 20.0
