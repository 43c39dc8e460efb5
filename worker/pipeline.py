"""The story of a message: read, batched, classified, made durable, and only then answered for."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from worker.batcher import Batcher, Bounds, Ticket
from worker.duplicates import Duplicates
from worker.echo import echo
from worker.errors import Retry, Unavailable
from worker.even_lines import chained
from worker.isolation import classify
from worker.reader import Reader, is_large, size_of
from worker.rendering import Lines, render
from worker.sink import Block, Sink, SinkUnavailable, block_key, trace_context
from worker.witness import Seen
from worker.work import Work, encoded, read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from schemas.envelope import Envelope
    from worker.classifier import Classifier
    from worker.drift import Drift
    from worker.metrics import Metrics
    from worker.witness import Witness

log: Final = logging.getLogger(__name__)

INLINE_ROWS: Final = 256
"""Up to so many readings are answered on the event loop: a thread's hand-over costs more than it spares there."""


class Verdict(Enum):
    """What the sender is told of a message whose answers are durable; trying again is an exception (`errors`)."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The concrete parts of a pipeline, chosen by the composition root."""

    classifier: Classifier
    results: Sink
    rejects: Sink
    metrics: Metrics
    now: Callable[[], datetime]
    revision: str
    gather: bool = False
    """Whether the sinks join what they get, so that the next batch need not wait until this one is durable."""

    drift: Drift | None = None
    """What keeps the latest readings, to compare them with the training data."""

    echo_rows: int = 0
    """Readings of a batch whose predictions repeat their features."""

    witnesses: Sequence[Witness] = ()
    """Who is told of each batch when it is done."""


class Pipeline:
    """Turns messages into durable predictions and rejections, many at once."""

    def __init__(self, parts: Parts, *, bounds: Bounds, duplicates: Duplicates | None = None) -> None:
        """Store the parts; work starts with the first message."""
        self._parts = parts
        self._duplicates = Duplicates() if duplicates is None else duplicates
        self._batcher: Batcher[Work] = Batcher(self._run, bounds=bounds)
        # Large tables have a line of their own: a reading must not wait until ten thousand others are answered.
        self._tables: Batcher[Work] = Batcher(self._run_tables, bounds=bounds)
        parts.metrics.intake(self._batcher)
        self._reader = Reader(most_bytes=bounds.intake_bytes)
        self._joining: set[asyncio.Task[None]] = set()

    async def accept(self, envelope: Envelope) -> Verdict:
        """Return when everything that the message holds is durable; raises Retry where nothing is promised.

        A reading that is known is not answered again: its first one's ticket is joined, or memory answers.
        """
        work = await self._reader.read(envelope, kept=True)
        await self._durable(work, work.identities())
        return Verdict.ACCEPTED if work.usable else Verdict.REJECTED

    async def _durable(self, work: Work, keys: Sequence[str]) -> None:
        """Return when every answer of a work is durable, here or with the ticket that it came first with."""
        sifted = self._duplicates.sift(keys)
        if len(sifted.fresh) == len(keys):
            await self._claimed(work, keys)
            return
        self._parts.metrics.duplicates(in_flight=sifted.in_flight, durable=sifted.durable)
        # Claimed and joined before the first await: tickets are only ever joined by who came later, so in no circle.
        tickets = [*self._claimed_part(work, keys, sifted.fresh), *sifted.joined]
        for answer in [ticket.join() for ticket in tickets]:
            await answer

    def begin(self, envelope: Envelope, told: Callable[[Retry | None], None]) -> None:
        """Do as `accept` does, without a task for it: `told` is called with None or the Retry; may raise Retry at once."""
        if is_large(envelope):
            self._beside(self._read_beside(envelope, told), "reading a large table")
            return
        work = read(envelope, kept=True)
        keys = work.identities()
        if self._duplicates.all_new(keys):
            self._claimed(work, keys, told)
        else:
            self._beside(self._joined(work, keys, told), "joining a duplicate")

    def _beside(self, work: Coroutine[None, None, None], name: str) -> None:
        joining = asyncio.create_task(work, name=name)
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)

    async def _read_beside(self, envelope: Envelope, told: Callable[[Retry | None], None]) -> None:
        try:
            work = await self._reader.read(envelope, kept=True)
        except Retry as error:
            told(error)
        else:
            await self._joined(work, work.identities(), told)

    async def _joined(self, work: Work, keys: Sequence[str], told: Callable[[Retry | None], None]) -> None:
        try:
            await self._durable(work, keys)
        except Retry as error:
            told(error)
        else:
            told(None)

    async def predict(self, envelope: Envelope) -> Lines:
        """Answer a message at once, through the same batches, and store nothing."""
        lines: Lines = await self._submit(await self._reader.read(envelope, kept=False))
        return lines

    async def drain(self) -> None:
        """Take nothing new; return when all that was taken is answered."""
        self._tables.refuse()
        await self._batcher.drain()
        await self._tables.drain()
        if self._joining:
            await asyncio.wait(self._joining)

    def _submit(self, work: Work) -> Ticket[Work]:
        rows = work.rows
        batcher = self._tables if rows > INLINE_ROWS else self._batcher
        return batcher.submit(work, rows=rows, size=size_of(work.envelope))

    def _claimed_part(self, work: Work, keys: Sequence[str], fresh: Sequence[int]) -> list[Ticket[Work]]:
        return [self._claimed(work.only(fresh), [keys[nth] for nth in fresh])] if fresh else []

    def _claimed(
        self, work: Work, keys: Sequence[str], told: Callable[[Retry | None], None] | None = None
    ) -> Ticket[Work]:
        """Submit a work whose keys are all new, and tell when it is durable; raises Retry, and then claims nothing."""
        ticket = self._submit(work)
        self._duplicates.claim(keys, ticket)

        def settle(answer: Lines | Retry) -> None:
            # What the model failed on is welcome again: another model may answer it.
            if isinstance(answer, Retry) or len(answer.predictions) < work.usable:
                self._duplicates.forget(keys)
            else:
                self._duplicates.remember(keys)
            if told is not None:
                told(answer if isinstance(answer, Retry) else None)

        ticket.then(settle)
        return ticket

    async def _run(self, tickets: Sequence[Ticket[Work]]) -> Awaitable[None] | None:
        """Answer one batch; what is given back is left to be awaited, beside the batches that follow."""
        rest = await self._run_tables(tickets)
        if rest is None or self._parts.gather:
            return rest
        await rest
        return None

    async def _run_tables(self, tickets: Sequence[Ticket[Work]]) -> Awaitable[None] | None:
        """Classify and render, answer who only asked, and give back what makes the rest durable and acknowledges it.

        The next tables are classified meanwhile, for the disk takes as long as the model.
        """
        at = self._parts.now()
        works = [ticket.item for ticket in tickets]
        rows = sum(work.rows for work in works)
        self._parts.metrics.batch(len(works), rows, since=tickets[0].since)
        with self._parts.metrics.predicting():
            if rows <= INLINE_ROWS:
                answers = self._answers(works, at)
            else:
                answers = await asyncio.to_thread(self._answers, works, at)
        kept: list[tuple[Ticket[Work], Lines]] = []
        for ticket, answered in zip(tickets, answers, strict=True):
            if isinstance(answered, Retry):
                ticket.fail(answered)
            elif ticket.item.kept:
                kept.append((ticket, answered))
            else:
                ticket.resolve(answered)
        return self._commit(kept, at) if kept else None

    def _answers(self, works: Sequence[Work], at: datetime) -> list[Lines | Retry]:
        """Answer works together; where a defect breaks that, halves, so that no message is blamed for another."""
        try:
            return [*self._answer(works, at)]
        except Retry:
            raise
        except Exception:
            log.exception("answering %d messages broke", len(works))
        if len(works) == 1:
            return [Unavailable("answering this message broke")]
        half = len(works) // 2
        return self._answers(works[:half], at) + self._answers(works[half:], at)

    def _answer(self, works: Sequence[Work], at: datetime) -> list[Lines]:
        rows = encoded(works)
        isolated = classify(self._parts.classifier.pinned(), rows)
        self._parts.metrics.strange(isolated)
        if self._parts.drift is not None:
            self._parts.drift.saw(rows, isolated)
        lines = render(works, rows, isolated, at=at, revision=self._parts.revision)
        if self._parts.echo_rows:
            echo(works, lines, isolated, most=self._parts.echo_rows)
        return lines

    async def _commit(self, kept: Sequence[tuple[Ticket[Work], Lines]], at: datetime) -> None:
        """Make the lines durable; a message fails only with the sink that it needs."""
        results = Block(key="", lines=chained([lines.predictions for _, lines in kept]), written_at=at)
        rejects = Block(key="", lines=chained([lines.rejections for _, lines in kept]), written_at=at)
        if self._parts.gather:
            results, rejects = _named(results, rejects, kept)
        with self._parts.metrics.writing():
            no_results, no_rejects = await asyncio.gather(
                _written(self._parts.results, results), _written(self._parts.rejects, rejects)
            )
        predicted, rejected, retried = len(results.lines), len(rejects.lines), 0
        for ticket, lines in kept:
            error = (no_results if lines.predictions else None) or (no_rejects if lines.rejections else None)
            if error is None:
                ticket.resolve(lines)
            else:
                ticket.fail(error)
                predicted, rejected = predicted - len(lines.predictions), rejected - len(lines.rejections)
                retried += 1
        self._parts.metrics.answered(predicted, rejected)
        for witness in self._parts.witnesses:
            witness(Seen(kept, predicted, rejected, retried, at, self._parts.now()))


def _named(results: Block, rejects: Block, kept: Sequence[tuple[Ticket[Work], Lines]]) -> tuple[Block, Block]:
    """Give both blocks of a batch what sinks afar name and address them by."""
    works = [ticket.item for ticket, _ in kept]
    # A message's second delivery may bring other rows than its first: its block must not have the same name.
    parts = [key for work in works if work.partial for key in work.identities()]
    # Nor must it where the model failed on a reading that it answers the next time.
    parts += [
        f"{nth}:{len(lines.predictions)}"
        for nth, (ticket, lines) in enumerate(kept)
        if len(lines.predictions) < ticket.item.usable
    ]
    key = block_key((work.envelope for work in works), parts=parts)
    first = min((moment for work in works if (moment := work.envelope.published_at)), default=None)
    predicted = _traces(works, [len(lines.predictions) for _, lines in kept])
    rejected = _traces(works, [len(lines.rejections) for _, lines in kept])
    return (
        replace(results, key=key, published_at=first, traces=predicted),
        replace(rejects, key=key, published_at=first, traces=rejected),
    )


def _traces(works: Sequence[Work], counts: Sequence[int]) -> Sequence[Mapping[str, str]]:
    """The trace context of each line, `counts` of them from each work; nothing where no message has any."""
    traces = [trace_context(work.envelope.attributes) for work in works]
    if not any(traces):
        return ()
    return [trace for trace, count in zip(traces, counts, strict=True) for _ in range(count)]


async def _written(sink: Sink, block: Block) -> SinkUnavailable | None:
    """Write a block; give back why it is not durable."""
    if not block.lines:
        return None
    try:
        await sink.write(block)
    except SinkUnavailable as error:
        return error
    return None
