"""Group commit: waiting items run together, a caller that leaves harms no other, items beyond the limits are refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from rookery.worker.batching.batcher import Batcher, QueueLimits
from rookery.worker.batching.ticket import UNANSWERED
from rookery.worker.errors import DeadlineError, DrainingError, QueueFullError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from rookery.worker.batching.ticket import Ticket

BOUNDS = QueueLimits(batch_rows=8, queue_rows=100, queue_bytes=1000)


class AnsweringRun:
    """Answers each item with itself; each batch waits for the gate."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()

    async def __call__(self, tickets: Sequence[Ticket[str]]) -> None:
        self.batches.append([ticket.item for ticket in tickets])
        self.started.set()
        await self.gate.wait()
        for ticket in tickets:
            ticket.resolve(ticket.item)


def submit(batcher: Batcher[str], *items: str) -> list[Ticket[str]]:
    return [batcher.submit(item, rows=1, size=1) for item in items]


async def test_an_idle_batcher_runs_at_once_what_arrived_in_one_turn_of_the_loop() -> None:
    """No timer delays an idle worker: one turn's arrivals are one batch."""
    answers = AnsweringRun()
    tickets = submit(Batcher(answers, bounds=BOUNDS), "a", "b", "c")
    assert [await ticket for ticket in tickets] == ["a", "b", "c"]
    assert answers.batches == [["a", "b", "c"]]


async def test_while_a_batch_runs_the_next_one_gathers() -> None:
    """A busy worker batches by itself: all that came during a batch goes in the next."""
    answers = AnsweringRun()
    answers.gate.clear()
    batcher = Batcher(answers, bounds=BOUNDS)
    first = submit(batcher, "a")
    await answers.started.wait()
    others = submit(batcher, "b", "c", "d")
    answers.gate.set()
    assert [await ticket for ticket in first + others] == ["a", "b", "c", "d"]
    assert answers.batches == [["a"], ["b", "c", "d"]]


async def test_a_batch_holds_no_more_rows_than_its_bound_unless_one_item_alone_does() -> None:
    """Batches are bounded by rows; a larger table is a batch of its own."""
    answers = AnsweringRun()
    batcher = Batcher(answers, bounds=BOUNDS)
    weights = {"a": 5, "b": 4, "c": 20, "d": 1}
    tickets = [batcher.submit(item, rows=rows, size=1) for item, rows in weights.items()]
    assert [await ticket for ticket in tickets] == list(weights)
    assert answers.batches == [["a"], ["b"], ["c"], ["d"]]


@pytest.mark.parametrize(
    ("count", "batches"),
    [(3, ["abc"]), (6, ["abc", "def"]), (10, ["abcde", "fghij"]), (20, ["abcdefgh", "ijklmnop", "qrst"])],
    ids=["little", "as much again", "much", "more than two batches"],
)
async def test_a_batch_of_many_rows_leaves_half_of_what_is_inside_to_others(
    count: int, batches: list[str]
) -> None:
    """While one half becomes durable the other is worked on; only a few are one batch at once."""
    answers = AnsweringRun()
    rests: list[asyncio.Future[None]] = []

    async def run(tickets: Sequence[Ticket[str]]) -> Awaitable[None]:
        await answers(tickets)
        # Nothing becomes durable until all are answered.
        rests.append(asyncio.get_running_loop().create_future())
        return rests[-1]

    batcher = Batcher(run, bounds=replace(BOUNDS, halved_from=3))
    tickets = submit(batcher, *"abcdefghijklmnopqrst"[:count])
    assert [await ticket for ticket in tickets] == [*"abcdefghijklmnopqrst"[:count]]
    assert ["".join(batch) for batch in answers.batches] == batches
    for rest in rests:
        rest.set_result(None)
    await batcher.drain()
    assert batcher.rows == 0


async def test_a_full_queue_refuses_and_takes_again_when_it_emptied() -> None:
    """The worker is no queue: beyond its bound it says so, and recovers."""
    answers = AnsweringRun()
    answers.gate.clear()
    batcher = Batcher(answers, bounds=QueueLimits(batch_rows=8, queue_rows=3, queue_bytes=1000))
    tickets = submit(batcher, "a", "b", "c")
    with pytest.raises(QueueFullError, match="3 readings"):
        submit(batcher, "d")
    answers.gate.set()
    assert [await ticket for ticket in tickets] == ["a", "b", "c"]
    assert batcher.rows == 0
    assert await submit(batcher, "d")[0] == "d"


async def test_the_queue_is_bounded_by_bytes_too_but_never_refuses_an_item_alone() -> None:
    """A large message on an idle worker is served, a second one beside it is not."""
    batcher = Batcher(AnsweringRun(), bounds=BOUNDS)
    large = batcher.submit("large", rows=1, size=5000)
    with pytest.raises(QueueFullError, match="5000 bytes"):
        batcher.submit("next", rows=1, size=1)
    assert await large == "large"


@pytest.mark.parametrize("position", range(5))
async def test_a_caller_who_leaves_never_harms_its_neighbours(position: int) -> None:
    """Cancelling any one caller while its batch runs leaves all the others answered."""
    answers = AnsweringRun()
    answers.gate.clear()
    batcher = Batcher(answers, bounds=BOUNDS)
    callers = [asyncio.ensure_future(_awaited(ticket)) for ticket in submit(batcher, *"abcde")]
    await answers.started.wait()
    callers[position].cancel()
    answers.gate.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    for place, (letter, answer) in enumerate(zip("abcde", answers, strict=True)):
        assert isinstance(answer, asyncio.CancelledError) if place == position else answer == letter
    assert batcher.rows == 0


async def _awaited(ticket: Ticket[str]) -> str:
    answer: str = await ticket
    return answer


async def test_a_ticket_that_a_batch_leaves_unanswered_is_nacked() -> None:
    """As many answers as questions: a forgotten caller is never left hanging."""

    async def forgets(tickets: Sequence[Ticket[str]]) -> None:
        tickets[0].resolve("answered")

    answered, forgotten = submit(Batcher(forgets, bounds=BOUNDS), "a", "b")
    assert await answered == "answered"
    with pytest.raises(UnavailableError, match="without an answer"):
        await forgotten


async def test_a_failing_batch_fails_its_own_callers_only() -> None:
    """The batch after a failed one is served."""

    async def fails_first(tickets: Sequence[Ticket[str]]) -> None:
        if tickets[0].item == "a":
            raise UnavailableError("not now")
        tickets[0].resolve("served")

    batcher = Batcher(fails_first, bounds=QueueLimits(batch_rows=1, queue_rows=10, queue_bytes=10))
    failed, served = submit(batcher, "a", "b")
    with pytest.raises(UnavailableError, match="not now"):
        await failed
    assert await served == "served"


async def test_a_broken_batch_does_not_stop_the_batcher() -> None:
    """An unforeseen error nacks its batch, and is raised in no other."""

    async def breaks_first(tickets: Sequence[Ticket[str]]) -> None:
        if tickets[0].item == "a":
            raise ZeroDivisionError
        tickets[0].resolve("served")

    batcher = Batcher(breaks_first, bounds=QueueLimits(batch_rows=1, queue_rows=10, queue_bytes=10))
    failed, served = submit(batcher, "a", "b")
    with pytest.raises(UnavailableError):
        await failed
    assert await served == "served"


async def test_draining_answers_what_was_taken_and_refuses_what_comes() -> None:
    """After drain nothing waits, and nothing new is taken."""
    answers = AnsweringRun()
    batcher = Batcher(answers, bounds=BOUNDS)
    tickets = submit(batcher, "a", "b")
    await batcher.drain()
    assert all(ticket.answer is not UNANSWERED for ticket in tickets)
    with pytest.raises(DrainingError):
        submit(batcher, "c")


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def slow(clock: Clock, seconds: list[float]) -> Batcher[str]:
    """A batcher of one row a batch, whose batches take these seconds one after the other."""

    async def takes_time(tickets: Sequence[Ticket[str]]) -> None:
        await asyncio.sleep(0)
        clock.now += seconds.pop(0) if seconds else 0.0
        for ticket in tickets:
            ticket.resolve(ticket.item)

    bounds = QueueLimits(batch_rows=1, queue_rows=1000, queue_bytes=1000, deadline_seconds=10)
    return Batcher(takes_time, bounds=bounds, clock=clock)


async def test_the_slower_the_sink_the_shorter_the_queue() -> None:
    """As much is taken as can be answered before the deadline at the pace of the last batches; the rest is refused."""
    clock = Clock()
    batcher = slow(clock, [10.0])
    await submit(batcher, "makes the pace 3 s")[0]
    taken = submit(batcher, "a", "b", "c")
    with pytest.raises(DeadlineError, match=r"about 12\.0 s"):
        submit(batcher, "d")
    assert [await ticket for ticket in taken] == ["a", "b", "c"]
    # Three quick batches later the pace is 1 s.
    assert len(submit(batcher, *map(str, range(9)))) == 9
    await batcher.drain()


async def test_an_idle_worker_takes_one_item_however_slow_the_last_one_was() -> None:
    """A sink that was slow once is not refused for ever: one message is let in to measure it."""
    clock = Clock()
    batcher = slow(clock, [1000.0])
    await submit(batcher, "very slow")[0]
    assert await submit(batcher, "a")[0] == "a"


async def test_a_batch_that_hangs_closes_the_queue_before_it_ends() -> None:
    """The batch in flight counts by the time that it has taken already."""
    clock, answers = Clock(), AnsweringRun()
    answers.gate.clear()
    bounds = QueueLimits(batch_rows=8, queue_rows=100, queue_bytes=1000, deadline_seconds=10)
    batcher = Batcher(answers, bounds=bounds, clock=clock)
    hanging = submit(batcher, "hangs")
    await answers.started.wait()
    clock.now = 6.0
    with pytest.raises(DeadlineError):
        submit(batcher, "b")
    answers.gate.set()
    assert await hanging[0] == "hangs"


async def test_a_rest_that_hangs_closes_the_queue_before_it_ends() -> None:
    """Where batches do not wait for the sink, what the sink has taken already counts, too."""
    clock, gate, resting = Clock(), asyncio.Event(), asyncio.Event()

    async def rest(tickets: Sequence[Ticket[str]]) -> None:
        resting.set()
        await gate.wait()
        for ticket in tickets:
            ticket.resolve(ticket.item)

    async def leaves_a_rest(tickets: Sequence[Ticket[str]]) -> Awaitable[None]:
        return rest(tickets)

    bounds = QueueLimits(batch_rows=8, queue_rows=100, queue_bytes=1000, deadline_seconds=10)
    batcher = Batcher(leaves_a_rest, bounds=bounds, clock=clock)
    hanging = submit(batcher, "hangs")
    await resting.wait()
    clock.now = 11.0
    with pytest.raises(DeadlineError):
        submit(batcher, "too late")
    gate.set()
    assert await hanging[0] == "hangs"
    await batcher.drain()
    assert batcher.rows == 0


async def test_what_waited_too_long_is_refused_and_not_worked_on() -> None:
    """Its sender no longer waits for an answer, and it is redelivered anyway."""
    clock, answers = Clock(), AnsweringRun()
    answers.gate.clear()
    bounds = QueueLimits(batch_rows=8, queue_rows=100, queue_bytes=1000, deadline_seconds=10)
    batcher = Batcher(answers, bounds=bounds, clock=clock)
    first = submit(batcher, "a")
    await answers.started.wait()
    late = submit(batcher, "b")
    clock.now = 4.0
    near = submit(batcher, "c")
    clock.now = 9.0
    answers.gate.set()
    assert await first[0] == "a"
    with pytest.raises(DeadlineError, match=r"waited 9\.0 s"):
        await late[0]
    assert await near[0] == "c"
    assert answers.batches == [["a"], ["c"]]
    assert batcher.rows == 0


@pytest.mark.parametrize("position", range(3))
async def test_a_caller_who_shares_a_ticket_leaves_alone(position: int) -> None:
    """Several wait for one answer; each may leave without the others' losing it."""
    answers = AnsweringRun()
    answers.gate.clear()
    (ticket,) = submit(Batcher(answers, bounds=BOUNDS), "a")
    callers = [ticket.join() for _ in range(3)]
    await answers.started.wait()
    callers[position].cancel()
    answers.gate.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert answers.count("a") == 2
    assert await ticket == "a"


async def test_what_everybody_left_before_its_batch_is_not_run() -> None:
    """An answer without a waiting caller costs no work."""
    answers = AnsweringRun()
    answers.gate.clear()
    batcher = Batcher(answers, bounds=BOUNDS)
    (first,) = submit(batcher, "a")
    await answers.started.wait()
    (second,) = submit(batcher, "b")
    second.join().cancel()
    answers.gate.set()
    await first
    await batcher.drain()
    assert answers.batches == [["a"]]
