"""BatchCommit: a batch of messages becomes lines, and the lines durable."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

from rookery.worker.decoding.message import DecodedMessage, encoded
from rookery.worker.encoding.blocks import blocks
from rookery.worker.encoding.feature_sample import EVERY, echo
from rookery.worker.encoding.lines import EncodedLines, render
from rookery.worker.errors import DefectError, RetryError
from rookery.worker.inference.bisection import BatchResult, classify
from rookery.worker.observability.observer import BatchCompleted, BatchPart, Observers
from rookery.worker.sinks.protocol import LineBlock, Sink, SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from rookery.worker.batching.ticket import Ticket
    from rookery.worker.parts import PipelineParts

log: Final = logging.getLogger(__name__)

INLINE_ROWS: Final = 256
"""Up to so many readings are answered on the event loop: a thread's hand-over costs more than it spares there."""

INLINE_BYTES: Final = 1024 * 1024
"""Up to so many bytes of messages and their rejections, likewise."""

TABLE_ROWS: Final = 2048
"""Rows of tables that are answered together: with more, nobody would compute while all of them become durable."""


class BatchCommit:
    """Answers the tickets of batches, with the parts of a worker.

    Small batches are computed on the event loop and large ones in threads, at the same time: computing (`_answers`)
    keeps no state, and all that does (feature sample, observers) is called on the loop alone.
    """

    def __init__(self, parts: PipelineParts) -> None:
        """Store the parts."""
        self._parts = parts
        failures = parts.metrics.failures
        self._observers = Observers([parts.metrics, *parts.observers], failures)
        self._sampling = failures.of("FeatureSample")
        self._echo_due = datetime.min.replace(tzinfo=UTC)

    async def run(self, tickets: Sequence[Ticket[DecodedMessage]]) -> Awaitable[None] | None:
        """Answer one batch; what is given back is left to be awaited, beside the batches that follow."""
        rest = await self.run_tables(tickets)
        if rest is None or self._parts.gather:
            return rest
        await rest
        return None

    async def run_tables(self, tickets: Sequence[Ticket[DecodedMessage]]) -> Awaitable[None] | None:
        """Classify and render, answer who only asked, and give back what makes the rest durable and acknowledges it.

        The next tables are classified meanwhile, for the disk takes as long as the model.
        """
        at, began = self._parts.now(), time.monotonic()
        works = [ticket.item for ticket in tickets]
        rows = sum(work.rows for work in works)
        if _inline(rows, tickets):
            parts = self._answers(works, at)
        else:
            parts = await asyncio.to_thread(self._answers, works, at)
        predicted = time.monotonic()
        self._sample(parts, at)
        kept: list[tuple[Ticket[DecodedMessage], EncodedLines]] = []
        retried = 0
        for ticket, answered in zip(tickets, chain.from_iterable(part.lines for part in parts), strict=True):
            if isinstance(answered, RetryError):
                ticket.fail(answered)
                retried += 1
            elif ticket.item.kept:
                kept.append((ticket, answered))
            else:
                ticket.resolve(answered)
        batch = BatchCompleted(
            tickets, parts, kept, rows, retried, at, began, predicted - began, at, predicted
        )
        if kept:
            return self._commit(batch)
        self._observers(batch)
        return None

    def _answers(self, works: Sequence[DecodedMessage], at: datetime) -> list[BatchPart]:
        """Answer works together; where a defect breaks that, halves, so that no message is blamed for another."""
        try:
            return [self._answer(works, at)]
        except RetryError:
            raise
        except Exception:
            log.exception("answering %d messages broke", len(works))
        if len(works) == 1:
            unanswered = DefectError("answering this message broke")
            return [BatchPart(works, encoded(()), BatchResult(), [unanswered])]
        half = len(works) // 2
        return self._answers(works[:half], at) + self._answers(works[half:], at)

    def _answer(self, works: Sequence[DecodedMessage], at: datetime) -> BatchPart:
        rows = encoded(works)
        isolated = classify(self._parts.classifier.pinned(), rows)
        lines = render(works, rows, isolated, at=at, revision=self._parts.revision)
        return BatchPart(works, rows, isolated, lines)

    def _sample(self, parts: Sequence[BatchPart], at: datetime) -> None:
        """Let some predictions repeat their features; where that fails, the lines are as good without."""
        if not self._parts.feature_sample_rows:
            return
        due = at >= self._echo_due
        if due:
            self._echo_due = at + EVERY
        for part in parts:
            with self._sampling:
                echo(
                    part.works,
                    part.lines,
                    part.isolated,
                    most=self._parts.feature_sample_rows,
                    first_ones=due,
                )

    async def _commit(self, batch: BatchCompleted) -> None:
        """Make the lines durable; a message fails only with the sink that it needs."""
        kept, named = batch.kept, self._parts.gather
        if not named or _inline(batch.rows, batch.tickets):
            results, rejects = blocks(kept, batch.at, named=named)
        else:
            results, rejects = await asyncio.to_thread(blocks, kept, batch.at, named=True)
        began = time.monotonic()
        no_results, no_rejects = await self._both(results, rejects)
        batch.ended = time.monotonic()
        batch.write_timeout_seconds = batch.ended - began
        predicted, rejected = len(results.lines), len(rejects.lines)
        for ticket, lines in kept:
            error = (no_results if lines.predictions else None) or (no_rejects if lines.rejections else None)
            if error is None:
                ticket.resolve(lines)
            else:
                ticket.fail(error)
                batch.nacked_for = error
                predicted, rejected = predicted - len(lines.predictions), rejected - len(lines.rejections)
                batch.retried += 1
        batch.predicted, batch.rejected, batch.done_at = predicted, rejected, self._parts.now()
        self._observers(batch)

    async def _both(
        self, results: LineBlock, rejects: LineBlock
    ) -> tuple[SinkUnavailableError | None, SinkUnavailableError | None]:
        """Write both blocks of a batch, and give back why one is not durable."""
        to_results, to_rejects = (
            _written(self._parts.results, results),
            _written(self._parts.rejects, rejects),
        )
        if results.lines and rejects.lines:
            return await asyncio.gather(to_results, to_rejects)
        # One of them is nothing: two tasks for it would cost as much as the batch's lines.
        return await to_results, await to_rejects


def _inline(rows: int, tickets: Sequence[Ticket[DecodedMessage]]) -> bool:
    return rows <= INLINE_ROWS and sum(ticket.size for ticket in tickets) <= INLINE_BYTES


async def _written(sink: Sink, block: LineBlock) -> SinkUnavailableError | None:
    """Write a block; give back why it is not durable."""
    if not block.lines:
        return None
    try:
        await sink.write(block)
    except SinkUnavailableError as error:
        return error
    return None
