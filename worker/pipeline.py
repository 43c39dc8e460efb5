"""Pipeline: decodes, batches, classifies and stores messages, and answers each when its results are durable."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from rookery.worker.batch_commit import INLINE_ROWS, TABLE_ROWS, BatchCommit
from rookery.worker.batching.batcher import Batcher, QueueLimits
from rookery.worker.batching.deduplication import DeduplicationWindow
from rookery.worker.batching.table_keys import TableKeys
from rookery.worker.decoding.message import INLINE_BYTES, DecodedMessage, decode_inline, ignore
from rookery.worker.decoding.offload import MessageDecoder
from rookery.worker.decoding.reading_reader import DecodedReading
from rookery.worker.encoding.lines import EncodedLines
from rookery.worker.errors import DefectError, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.envelope import Envelope
    from rookery.worker.batching.ticket import Ticket
    from rookery.worker.parts import PipelineParts

    OnDone = Callable[[RetryError | None], None]
    """Called with None once a message is durable, or with the reason why it is nacked."""

log: Final = logging.getLogger(__name__)


class Pipeline:
    """Turns messages into durable predictions and rejections, many at once."""

    def __init__(
        self, parts: PipelineParts, *, bounds: QueueLimits, duplicates: DeduplicationWindow | None = None
    ) -> None:
        """Store the parts; work starts with the first message."""
        self._models = parts.models
        self._metrics = parts.metrics
        self._duplicates = DeduplicationWindow() if duplicates is None else duplicates
        commit = self._commit = BatchCommit(parts)
        self._batcher: Batcher[DecodedMessage] = Batcher(commit.run, bounds=bounds, ended=self._settle)
        # Large tables have a queue of their own: a reading must not wait until ten thousand others are answered.
        self._tables: Batcher[DecodedMessage] = Batcher(
            commit.run_tables, bounds=replace(bounds, halved_from=TABLE_ROWS), ended=self._settle
        )
        parts.metrics.queue(self._batcher)
        self._decoder = MessageDecoder(most_bytes=bounds.queue_bytes)
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, envelope: Envelope) -> None:
        """Return when everything in the message is durable; raises RetryError where nothing is promised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.enqueue([(envelope, partial(_settle_future, done))])
        await done

    async def predict(self, envelope: Envelope) -> EncodedLines:
        """Answer a message through the same batches, and store nothing; raises RetryError."""
        contract = self._models.classifier.contract
        message = decode_inline(envelope, contract, kept=False)
        if message is None:
            message = await self._decoder.decode(envelope, contract, kept=False)
        lines: EncodedLines = await self._submit(message)
        return lines

    def enqueue(self, messages: Iterable[tuple[Envelope, OnDone]]) -> None:
        """Take messages that arrived together, without a task for each; every `on_done` is called once.

        A reading that is known is not predicted again: its first one's ticket is joined, or the window answers.
        """
        # Step by step for all, not message by message: the same few instructions again are what a processor likes.
        singles: list[DecodedMessage] = []
        others: list[DecodedMessage] = []
        contract = self._models.classifier.contract
        for envelope, on_done in messages:
            message = decode_inline(envelope, contract)
            if message is None:
                self._start(
                    self._decode_and_store(envelope, contract), on_done, "decoding a message in a thread"
                )
                continue
            message.on_done = on_done
            (singles if isinstance(message.readings, DecodedReading) else others).append(message)
        if singles and not self._enqueue_singles(singles):
            others += singles
        for message in others:
            self._enqueue_one(message)

    async def drain(self) -> None:
        """Take nothing new; return when every message that was taken is answered."""
        self._tables.refuse()
        await self._batcher.drain()
        await self._tables.drain()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._commit.close()

    def _enqueue_singles(self, messages: Sequence[DecodedMessage]) -> bool:
        """Take messages of one reading each in one step; False where one of them is known or all are too many."""
        before = self._batcher.rows
        try:
            return self._duplicates.reserve_each(
                [message.keys[0] for message in messages],
                partial(self._batcher.submit_all, messages, [message.size for message in messages]),
            )
        except Exception:
            if self._batcher.rows != before:
                # They were submitted: one by one they would be predicted, and written, a second time.
                raise
            log.exception("failed to enqueue %d messages together", len(messages))
            return False

    def _enqueue_one(self, message: DecodedMessage) -> None:
        on_done = message.on_done
        try:
            if self._duplicates.all_new(message.keys):
                self._reserve(message)
            else:
                message.on_done = ignore
                self._start(_awaited(self._answers(message)), on_done, "joining a duplicate")
        except RetryError as error:
            on_done(error)
        except Exception:
            log.exception("failed to enqueue a message")
            on_done(DefectError("failed to enqueue this message"))

    def _start(self, work: Coroutine[None, None, None], on_done: OnDone, name: str) -> None:
        task = asyncio.create_task(_report(work, on_done), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _decode_and_store(self, envelope: Envelope, contract: CompiledContract) -> None:
        await _awaited(self._answers(await self._decoder.decode(envelope, contract)))

    def _answers(self, message: DecodedMessage) -> list[asyncio.Future[object]]:
        """Submit what is new of a message, and return futures of all its answers; raises RetryError."""
        found = self._duplicates.partition(message.keys)
        if len(found.fresh) == len(message.keys):
            return [self._reserve(message).join()]
        self._metrics.duplicates(in_flight=found.in_flight, durable=found.durable)
        # Nothing is awaited in between: tickets only join tickets that came before, so in no circle.
        tickets = [self._reserve(message.subset(found.fresh))] if found.fresh else []
        return [ticket.join() for ticket in (*tickets, *found.joined)]

    def _reserve(self, message: DecodedMessage) -> Ticket[DecodedMessage]:
        """Submit a message whose keys are all new; raises RetryError, and then reserves nothing."""
        ticket = self._submit(message)
        self._duplicates.reserve(message.keys, ticket)
        return ticket

    def _submit(self, message: DecodedMessage) -> Ticket[DecodedMessage]:
        rows, refused = message.rows, message.refused_bytes
        batcher = self._tables if rows > INLINE_ROWS or refused > INLINE_BYTES else self._batcher
        return batcher.submit(message, rows, message.size + refused, message.kept)

    def _settle(self, batch: Sequence[Ticket[DecodedMessage]]) -> None:
        """Record what is durable and forget what is nacked, and only then answer the senders."""
        try:
            self._record(batch)
        except Exception:
            # The results are durable, so their senders are answered even where the window is broken.
            log.exception("failed to record %d messages in the deduplication window", len(batch))
        for ticket in batch:
            answer = ticket.answer
            try:
                ticket.item.on_done(answer if isinstance(answer, RetryError) else None)
            except Exception:
                log.exception("failed to answer a sender")

    def _record(self, batch: Sequence[Ticket[DecodedMessage]]) -> None:
        durable: list[str] = []
        for ticket in batch:
            message, answer = ticket.item, ticket.answer
            if not message.kept:
                continue
            # A reading that the model failed on is accepted again: another model may predict it.
            if type(answer) is not EncodedLines or len(answer.predictions) < message.usable:
                self._duplicates.forget(message.keys)
            elif type(message.keys) is TableKeys:
                self._duplicates.remember(message.keys)
            else:
                durable += message.keys
        if durable:
            self._duplicates.remember(durable)


async def _awaited(answers: Iterable[asyncio.Future[object]]) -> None:
    for answer in answers:
        await answer


async def _report(work: Coroutine[None, None, None], on_done: OnDone) -> None:
    """Call `on_done` with the outcome of some work, whatever it raises."""
    try:
        await work
    except RetryError as error:
        on_done(error)
    except Exception:
        log.exception("failed to store a message")
        on_done(DefectError("failed to store this message"))
    else:
        on_done(None)


def _settle_future(done: asyncio.Future[None], error: RetryError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
