"""The story of a message: read, batched, classified, made durable, and only then answered for."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

from worker.batcher import Batcher, Bounds
from worker.blocks import blocks
from worker.duplicates import Duplicates
from worker.echo import EVERY, echo
from worker.errors import Retry, Unavailable
from worker.isolation import classify
from worker.reader import Reader, is_large, size_of
from worker.rendering import Lines, render
from worker.sink import Block, Sink, SinkUnavailable
from worker.table_keys import TableKeys
from worker.witness import Seen
from worker.work import Work, encoded, read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

    from schemas.envelope import Envelope
    from worker.parts import Parts
    from worker.ticket import Ticket

    Told = Callable[[Retry | None], None]
    """Is told None once a message is durable, or why it must come again."""

log: Final = logging.getLogger(__name__)

INLINE_ROWS: Final = 256
"""Up to so many readings are answered on the event loop: a thread's hand-over costs more than it spares there."""


class Verdict(Enum):
    """What the sender is told of a message whose answers are durable; trying again is an exception (`errors`)."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Pipeline:
    """Turns messages into durable predictions and rejections, many at once."""

    def __init__(self, parts: Parts, *, bounds: Bounds, duplicates: Duplicates | None = None) -> None:
        """Store the parts; work starts with the first message."""
        self._parts = parts
        self._duplicates = Duplicates() if duplicates is None else duplicates
        self._batcher: Batcher[Work] = Batcher(self._run, bounds=bounds, ended=self._settle)
        # Large tables have a line of their own: a reading must not wait until ten thousand others are answered.
        self._tables: Batcher[Work] = Batcher(self._run_tables, bounds=bounds, ended=self._settle)
        parts.metrics.intake(self._batcher)
        self._reader = Reader(most_bytes=bounds.intake_bytes)
        self._joining: set[asyncio.Task[None]] = set()
        self._echo_due = datetime.min.replace(tzinfo=UTC)

    async def accept(self, envelope: Envelope) -> Verdict:
        """Return when everything that the message holds is durable; raises Retry where nothing is promised.

        A reading that is known is not answered again: its first one's ticket is joined, or memory answers.
        """
        work = await self._reader.read(envelope) if is_large(envelope) else read(envelope)
        keys = work.identities()
        self._duplicates.move_on()
        if self._duplicates.all_new(keys):
            await self._claimed(work, keys)
        else:
            await self._durable(work, keys)
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

    def begin(self, messages: Iterable[tuple[Envelope, Told]]) -> None:
        """Do as `accept` does with messages that came together, without a task for each; every `told` is called once."""
        # Step by step for all, not message by message: the same few instructions again are what a processor likes.
        works = []
        for envelope, told in messages:
            if is_large(envelope):
                self._beside(self._read_beside(envelope, told), "reading a large message")
            else:
                works.append((read(envelope), told))
        duplicates = self._duplicates
        duplicates.move_on()
        for work, told in works:
            try:
                keys = work.identities()
                if duplicates.all_new(keys):
                    work.told = told
                    self._claimed(work, keys)
                else:
                    self._beside(self._joined(work, keys, told), "joining a duplicate")
            except Retry as error:
                told(error)
            except Exception:
                log.exception("taking a message broke")
                told(Unavailable("taking this message broke"))

    def _beside(self, work: Coroutine[None, None, None], name: str) -> None:
        joining = asyncio.create_task(work, name=name)
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)

    async def _read_beside(self, envelope: Envelope, told: Told) -> None:
        try:
            work = await self._reader.read(envelope)
        except Retry as error:
            told(error)
        else:
            await self._joined(work, work.identities(), told)

    async def _joined(self, work: Work, keys: Sequence[str], told: Told) -> None:
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
        return batcher.submit(work, rows, size_of(work.envelope), work.told is not None)

    def _claimed_part(self, work: Work, keys: Sequence[str], fresh: Sequence[int]) -> list[Ticket[Work]]:
        return [self._claimed(work.only(fresh), [keys[nth] for nth in fresh])] if fresh else []

    def _claimed(self, work: Work, keys: Sequence[str]) -> Ticket[Work]:
        """Submit a work whose keys are all new; raises Retry, and then claims nothing."""
        ticket = self._submit(work)
        work.keys = keys
        self._duplicates.claim(keys, ticket)
        return ticket

    def _settle(self, batch: Sequence[Ticket[Work]]) -> None:
        """Note what is durable now, give free what must come again, and only then tell those who sent it."""
        durable: list[str] = []
        for ticket in batch:
            work, answer = ticket.item, ticket.answer
            # What the model failed on is welcome again: another model may answer it.
            if type(answer) is not Lines or len(answer.predictions) < work.usable:
                self._duplicates.forget(work.keys)
            elif type(work.keys) is TableKeys:
                self._duplicates.remember(work.keys)
            else:
                durable += work.keys
        if durable:
            self._duplicates.remember(durable)
        for ticket in batch:
            told, answer = ticket.item.told, ticket.answer
            if told is not None:
                try:
                    told(answer if isinstance(answer, Retry) else None)
                except Exception:
                    log.exception("telling a sender broke")

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
            due = at >= self._echo_due
            echo(works, lines, isolated, most=self._parts.echo_rows, first_ones=due)
            if due:
                self._echo_due = at + EVERY
        return lines

    async def _commit(self, kept: Sequence[tuple[Ticket[Work], Lines]], at: datetime) -> None:
        """Make the lines durable; a message fails only with the sink that it needs."""
        results, rejects = blocks(kept, at, named=self._parts.gather)
        with self._parts.metrics.writing():
            no_results, no_rejects = await self._both(results, rejects)
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

    async def _both(
        self, results: Block, rejects: Block
    ) -> tuple[SinkUnavailable | None, SinkUnavailable | None]:
        """Write both blocks of a batch, and give back why one is not durable."""
        to_results, to_rejects = (
            _written(self._parts.results, results),
            _written(self._parts.rejects, rejects),
        )
        if results.lines and rejects.lines:
            return await asyncio.gather(to_results, to_rejects)
        # One of them is nothing: two tasks for it would cost as much as the batch's lines.
        return await to_results, await to_rejects


async def _written(sink: Sink, block: Block) -> SinkUnavailable | None:
    """Write a block; give back why it is not durable."""
    if not block.lines:
        return None
    try:
        await sink.write(block)
    except SinkUnavailable as error:
        return error
    return None
