"""The bound of what is arriving: over all connections together, and who gives way where it is reached."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.worker.http.wire.connections import (
    LARGE_BYTES,
    TRIM_BYTES,
    TRIM_REFUSED,
    ConnectionRegistry,
    ReceiveBudget,
)

MOST = 10 * LARGE_BYTES


class Sender:
    """Holds bytes, and gives way when it is asked."""

    def __init__(self, budget: ReceiveBudget) -> None:
        self.budget = budget
        self.held = 0
        self.refused = False

    def hold(self, count: int) -> None:
        self.held = count
        self.budget.hold(self, count)

    def give_way(self) -> None:
        self.refused = True
        self.hold(0)


class Silent:
    """A connection on which nothing happens."""

    def tick(self, now: float) -> None:
        """Nothing takes too long."""

    def close(self) -> None:
        """Nothing is open."""


def test_a_burst_of_large_bodies_is_served_in_part() -> None:
    """Those that began first go on to their end; who came last is refused, and tries again."""
    budget = ReceiveBudget(MOST)
    senders = [Sender(budget) for _ in range(30)]
    for part in range(1, 5):
        for sender in senders:
            if not sender.refused:
                sender.hold(part * LARGE_BYTES)
    refused = [sender.refused for sender in senders]
    assert refused == sorted(refused)
    assert refused.count(False) == 2
    assert {sender.held for sender in senders} == {4 * LARGE_BYTES, 0}


def test_a_small_request_is_not_refused_for_large_ones_that_do_not_end() -> None:
    """A sender that holds much gives way to one that holds little, in any order of arrival."""
    budget = ReceiveBudget(MOST)
    large = [Sender(budget) for _ in range(10)]
    for sender in large:
        sender.hold(LARGE_BYTES)
    small = Sender(budget)
    small.hold(100)
    assert not small.refused
    assert [sender.refused for sender in large] == [False] * 9 + [True]


def test_of_small_requests_the_oldest_gives_way() -> None:
    """A request that has had the time to arrive, and did not, gives way to one that begins."""
    budget = ReceiveBudget(MOST)
    senders = [Sender(budget) for _ in range(2 * MOST // 1000)]
    for sender in senders:
        sender.hold(1000)
    refused = [sender.refused for sender in senders]
    assert refused == sorted(refused, reverse=True)
    assert sum(sender.held for sender in senders) <= MOST


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3 * MOST // 2)), max_size=60))
def test_whatever_arrives_the_bound_holds_and_the_count_is_right(steps: list[tuple[int, int]]) -> None:
    """Together never more than the bound, even by one that is larger alone."""
    budget = ReceiveBudget(MOST)
    senders = [Sender(budget) for _ in range(10)]
    for nth, count in steps:
        senders[nth].hold(count)
        assert budget._total == sum(sender.held for sender in senders) <= MOST
    before = budget.receded
    for sender in senders:
        sender.hold(0)
    assert budget.receded >= before
    budget.settle()
    assert (budget.receded, budget._total) == (0, 0)


def test_what_receded_is_measured_from_the_most_that_was_held() -> None:
    """However slowly it recedes, from one look to the next."""
    budget = ReceiveBudget(MOST)
    sender = Sender(budget)
    for count in (MOST, MOST // 2, 0):
        sender.hold(count)
        assert budget.receded == MOST - count
    budget.settle()
    sender.hold(7)
    assert budget.receded == pytest.approx(0)


async def test_memory_is_given_back_again_when_the_rest_of_a_burst_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bytes that recede after a tick that gave memory back are given back with the next one, however few they are."""
    ticks: asyncio.Queue[int] = asyncio.Queue()
    trims: list[int] = []
    registry: ConnectionRegistry
    monkeypatch.setattr("rookery.worker.http.wire.connections.TICK_SECONDS", 0.001)
    monkeypatch.setattr(
        "rookery.worker.http.wire.connections.trim", lambda: trims.append(registry.admitted.receded)
    )
    registry = ConnectionRegistry(most_bytes=10 * TRIM_BYTES, on_tick=lambda: ticks.put_nowait(len(trims)))
    first, second = Sender(registry.admitted), Sender(registry.admitted)
    first.hold(2 * TRIM_BYTES)
    second.hold(TRIM_BYTES // 2)
    first.hold(0)
    registry.add(Silent())
    assert trims == [2 * TRIM_BYTES]
    second.hold(0)
    for _ in range(4):
        await ticks.get()
    registry.close()
    assert trims == [2 * TRIM_BYTES, TRIM_BYTES // 2]


async def test_memory_is_given_back_after_many_refused_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their bytes were never held long enough to be counted, and stay with the allocator all the same."""
    ticks: asyncio.Queue[int] = asyncio.Queue()
    trims: list[int] = []
    registry: ConnectionRegistry
    monkeypatch.setattr("rookery.worker.http.wire.connections.TICK_SECONDS", 0.001)
    monkeypatch.setattr("rookery.worker.http.wire.connections.trim", lambda: trims.append(registry.refused))
    registry = ConnectionRegistry(most_bytes=TRIM_BYTES, on_tick=lambda: ticks.put_nowait(len(trims)))
    registry.refused = TRIM_REFUSED - 1
    registry.add(Silent())
    assert trims == []
    registry.refused += 1
    for _ in range(5):
        await ticks.get()
    registry.close()
    assert trims == [TRIM_REFUSED, 0]
