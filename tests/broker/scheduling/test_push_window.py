"""The push window and the waits after failures, by the documented rules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.broker.scheduling.backoff import LONGEST_SECONDS, SHORTEST_SECONDS, PushBackoff, RetryPolicy
from rookery.broker.scheduling.push_window import CAP, START, PushWindow


def round_trip(window: PushWindow, at: float, *, latency: float = 0.05) -> float:
    """Ack one full window that is refilled at once; gives the time after."""
    for _ in range(window.size):
        window.acked(at, at + latency, outstanding=window.size)
    return at + latency


def test_starts_small() -> None:
    """A new subscription begins with a single-digit number of pushes."""
    assert 1 <= PushWindow().size <= 9


def test_grows_exponentially() -> None:
    """While everything is acked, a used window grows by a constant factor each round trip."""
    window, at = PushWindow(), 0.0
    sizes = []
    for _ in range(6):
        at = round_trip(window, at)
        sizes.append(window.size)
    assert all(later >= 1.4 * earlier for earlier, later in pairwise(sizes))


def test_idle_window_stays() -> None:
    """A window of which hardly anything is used does not grow."""
    window = PushWindow()
    for moment in range(100):
        window.acked(moment, moment + 0.05, outstanding=1)
    assert window.size == START


def test_halves_once_a_round_trip() -> None:
    """Many failures of one round trip count once: the window halves once."""
    window = PushWindow()
    at = 0.0
    for _ in range(5):
        at = round_trip(window, at)
    before = window.size
    for _ in range(before):
        window.failed(at, at + 1)
    assert window.size == before // 2
    window.failed(at + 1, at + 2)
    assert window.size == before // 4


def test_linear_beyond_the_cap_while_healthy() -> None:
    """Beyond 3,000 a healthy window gains about a hundred a round trip, and no factor."""
    window, at = PushWindow(), 0.0
    while window.size < CAP:
        at = round_trip(window, at)
    before = window.size
    at = round_trip(window, at)
    assert before < window.size <= before + 110


def test_falls_back_to_the_cap_when_slow() -> None:
    """A mean latency of a second or more takes a window beyond 3,000 back to it."""
    window, at = PushWindow(), 0.0
    while window.size < CAP + 200:
        at = round_trip(window, at)
    round_trip(window, at, latency=3.0)
    assert window.size == CAP


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=300), st.integers(1, 500))
def test_window_keeps_its_bounds(results: list[tuple[bool, float]], most: int) -> None:
    """After any history, one push may be sent and the machine's bound holds."""
    window, now = PushWindow(most), 0.0
    for acked, latency in results:
        now += latency
        if acked:
            window.acked(now - latency, now, outstanding=window.size)
        else:
            window.failed(now - latency, now)
        assert 1 <= window.size <= most


def test_backoff_doubles_to_a_minute() -> None:
    """Push backoff begins at 100 ms, doubles with each further failure and ends at 60 s."""
    backoff, now, delays = PushBackoff(), 0.0, []
    for _ in range(12):
        backoff.failed(now, now)
        delays.append(backoff.until - now)
        now = backoff.until
    assert delays[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert delays[-1] == LONGEST_SECONDS


def test_backoff_eases_with_acks() -> None:
    """After enough acks the next failure waits 100 ms again."""
    backoff, now = PushBackoff(), 0.0
    for _ in range(8):
        backoff.failed(now, now)
        now = backoff.until
    for _ in range(30):
        backoff.acked(now)
    backoff.failed(now, now)
    assert backoff.delay == SHORTEST_SECONDS


@given(st.lists(st.booleans(), max_size=200))
def test_backoff_keeps_its_bounds(results: list[bool]) -> None:
    """The delay is zero or between 100 ms and 60 s."""
    backoff = PushBackoff()
    for now, acked in enumerate(results):
        if acked:
            backoff.acked(now)
        else:
            backoff.failed(now, now)
        assert backoff.delay == 0 or SHORTEST_SECONDS <= backoff.delay <= LONGEST_SECONDS


@given(st.integers(1, 10_000), st.floats(0, 600), st.floats(0, 600))
def test_retry_keeps_its_bounds(attempts: int, one: float, other: float) -> None:
    """A message's own wait lies between the policy's bounds, however often it failed."""
    policy = RetryPolicy(min(one, other), max(one, other))
    assert policy.minimum <= policy.delay(attempts) <= policy.maximum
