"""Answering: a batch of messages becomes lines, and the lines durable."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from worker.blocks import blocks
from worker.echo import EVERY, echo
from worker.errors import Retry, Unavailable
from worker.isolation import classify
from worker.rendering import Lines, render
from worker.sink import Block, Sink, SinkUnavailable
from worker.witness import Seen
from worker.work import Work, encoded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from worker.parts import Parts
    from worker.ticket import Ticket

log: Final = logging.getLogger(__name__)

INLINE_ROWS: Final = 256
"""Up to so many readings are answered on the event loop: a thread's hand-over costs more than it spares there."""

TABLE_ROWS: Final = 2048
"""Rows of tables that are answered together: with more, nobody would compute while all of them become durable."""


class Answering:
    """Answers the tickets of batches, with the parts of a worker."""

    def __init__(self, parts: Parts) -> None:
        """Store the parts."""
        self._parts = parts
        self._echo_due = datetime.min.replace(tzinfo=UTC)

    async def run(self, tickets: Sequence[Ticket[Work]]) -> Awaitable[None] | None:
        """Answer one batch; what is given back is left to be awaited, beside the batches that follow."""
        rest = await self.run_tables(tickets)
        if rest is None or self._parts.gather:
            return rest
        await rest
        return None

    async def run_tables(self, tickets: Sequence[Ticket[Work]]) -> Awaitable[None] | None:
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
