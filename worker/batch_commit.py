"""BatchCommit: classifies a batch of messages, encodes its lines, and makes them durable."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Final

from rookery.worker.decoding.message import DecodedMessage, feature_matrix
from rookery.worker.encoding.blocks import line_blocks
from rookery.worker.encoding.feature_sample import FeatureSample, sample_features
from rookery.worker.encoding.lines import EncodedLines, encode_lines
from rookery.worker.errors import DefectError, RetryError
from rookery.worker.inference.bisection import BatchResult, classify
from rookery.worker.observability.observer import BatchCompleted, BatchPart
from rookery.worker.runtime.thread_priority import give_way
from rookery.worker.sinks.protocol import LineBlock, Sink, SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from rookery.worker.batching.ticket import Ticket
    from rookery.worker.parts import PipelineParts

log: Final = logging.getLogger(__name__)

INLINE_ROWS: Final = 256
"""Most readings that are answered on the event loop: handing more to a thread costs less than it saves."""

INLINE_BYTES: Final = 1024 * 1024
"""Most bytes of messages and their rejections, likewise."""

TABLE_ROWS: Final = 2048
"""Rows of tables that are answered together however few there are; more only where as many others are there."""


class BatchCommit:
    """Answers the tickets of batches, with the parts of a worker.

    Small batches are computed on the event loop and large ones in threads, at the same time: computing (`_answers`)
    keeps no state, and everything with state (feature sample, observers) is called on the loop alone.
    """

    def __init__(self, parts: PipelineParts) -> None:
        """Store the parts."""
        self._parts = parts
        self._failures = parts.metrics.failures
        self._observers = [(each, type(each).__name__) for each in (parts.metrics, *parts.observers)]
        self._sample = FeatureSample(parts.feature_sample_rows)
        # One thread, as one batch of tables is answered at a time: those of a pool take turns, and what one has in the
        # processor's cache and in its heap, the next one has not.
        self._tables = ThreadPoolExecutor(1, thread_name_prefix="tables", initializer=give_way)

    def close(self) -> None:
        """End the thread of the tables; nothing is answered afterwards."""
        self._tables.shutdown(wait=False)

    async def run(self, tickets: Sequence[Ticket[DecodedMessage]]) -> Awaitable[None] | None:
        """Answer one batch; what is returned is left to be awaited, beside the batches that follow."""
        rest = await self._run(tickets, None)
        if rest is None or self._parts.coalesces:
            return rest
        await rest
        return None

    async def run_tables(self, tickets: Sequence[Ticket[DecodedMessage]]) -> Awaitable[None] | None:
        """Answer a batch of tables in their own thread; the next ones are classified while these become durable.

        The disk takes as long as the model.
        """
        return await self._run(tickets, self._tables)

    async def _run(
        self, tickets: Sequence[Ticket[DecodedMessage]], thread: Executor | None
    ) -> Awaitable[None] | None:
        """Classify and encode, in a thread if that takes long (None: of the loop's own), and answer predict calls.

        What is returned makes the rest durable and acknowledges it.
        """
        at, began = self._parts.now(), time.monotonic()
        messages = [ticket.item for ticket in tickets]
        rows = sum([ticket.rows for ticket in tickets])
        if _inline(rows, tickets):
            parts = self._answers(messages, at)
        else:
            parts = await asyncio.get_running_loop().run_in_executor(thread, self._answers, messages, at)
        predicted = time.monotonic()
        if self._parts.feature_sample_rows and not self._parts.every_feature:
            self._add_features(parts, at)
        kept: list[tuple[Ticket[DecodedMessage], EncodedLines]] = []
        retried = 0
        for ticket, answer in zip(tickets, chain.from_iterable(part.lines for part in parts), strict=True):
            if isinstance(answer, RetryError):
                ticket.fail(answer)
                retried += 1
            elif ticket.item.kept:
                kept.append((ticket, answer))
            else:
                ticket.resolve(answer)
        batch = BatchCompleted(
            tickets, parts, kept, rows, retried, at, began, predicted - began, at, predicted
        )
        if kept:
            return self._commit(batch)
        self._observe(batch)
        return None

    def _answers(self, messages: Sequence[DecodedMessage], at: datetime) -> list[BatchPart]:
        """Answer messages together; where a defect prevents that, halves, so that no message fails for another."""
        try:
            return [self._answer(messages, at)]
        except RetryError:
            raise
        except Exception:
            log.exception("failed to answer %d messages", len(messages))
        if len(messages) == 1:
            unanswered = DefectError("failed to answer this message")
            nothing = feature_matrix((), messages[0].contract)
            return [BatchPart(messages, nothing, BatchResult(), [unanswered])]
        half = len(messages) // 2
        return self._answers(messages[:half], at) + self._answers(messages[half:], at)

    def _answer(self, messages: Sequence[DecodedMessage], at: datetime) -> BatchPart:
        classifier = self._parts.models.classifier
        rows = feature_matrix(messages, classifier.contract)
        result = classify(classifier, rows)
        columnar = self._parts.columnar
        lines = encode_lines(messages, rows, result, at=at, revision=self._parts.revision, columnar=columnar)
        part = BatchPart(messages, rows, result, lines)
        if self._parts.every_feature:
            sample_features(part, most=len(rows))
        if columnar:
            for each in lines:
                each.contract = classifier.contract
        return part

    def _add_features(self, parts: Sequence[BatchPart], at: datetime) -> None:
        """Add features to some predictions; where that fails, the lines are complete without them."""
        try:
            self._sample.add(parts, at)
        except Exception as error:  # noqa: BLE001  whatever it is, no answer depends on it
            self._failures.note("FeatureSample", error)

    async def _commit(self, batch: BatchCompleted) -> None:
        """Make the lines durable; a message fails only with the sink that it needs."""
        kept, named = batch.kept, self._parts.named
        if not named or _inline(batch.rows, batch.tickets):
            results, rejects = line_blocks(kept, batch.at, named=named)
        else:
            results, rejects = await asyncio.to_thread(line_blocks, kept, batch.at, named=True)
        began = time.monotonic()
        no_results, no_rejects = await self._write(results, rejects)
        batch.ended = time.monotonic()
        batch.write_seconds = batch.ended - began
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
        self._observe(batch)

    def _observe(self, batch: BatchCompleted) -> None:
        """Call every observer with a batch, whatever the one before it raised."""
        for observer, name in self._observers:
            try:
                observer(batch)
            except Exception as error:  # noqa: BLE001  no answer and no other observer depends on it
                self._failures.note(name, error)

    async def _write(
        self, results: LineBlock, rejects: LineBlock
    ) -> tuple[SinkUnavailableError | None, SinkUnavailableError | None]:
        """Write both blocks of a batch, and return for each why it is not durable, or None."""
        to_results, to_rejects = (
            _written(self._parts.results, results),
            _written(self._parts.rejects, rejects),
        )
        if results.lines and rejects.lines:
            return await asyncio.gather(to_results, to_rejects)
        # One of them is empty: two tasks for it would cost as much as the batch's lines.
        return await to_results, await to_rejects


def _inline(rows: int, tickets: Sequence[Ticket[DecodedMessage]]) -> bool:
    return rows <= INLINE_ROWS and sum([ticket.size for ticket in tickets]) <= INLINE_BYTES


async def _written(sink: Sink, block: LineBlock) -> SinkUnavailableError | None:
    """Write a block; return why it is not durable, or None."""
    if not block.lines:
        return None
    try:
        await sink.write(block)
    except SinkUnavailableError as error:
        return error
    return None
