"""The story of a message: read, batched, classified, made durable, and only then answered for."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from rookery.worker.batch_commit import INLINE_ROWS, TABLE_ROWS, BatchCommit
from rookery.worker.batching.batcher import Batcher, QueueLimits
from rookery.worker.batching.deduplication import DeduplicationWindow
from rookery.worker.batching.table_keys import TableKeys
from rookery.worker.decoding.message import DecodedMessage, read_inline
from rookery.worker.decoding.offload import INLINE_BYTES, MessageDecoder, is_large, size_of
from rookery.worker.encoding.lines import EncodedLines
from rookery.worker.errors import DefectError, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from rookery.schemas.envelope import Envelope
    from rookery.worker.batching.ticket import Ticket
    from rookery.worker.parts import PipelineParts

    Told = Callable[[RetryError | None], None]
    """Is told None once a message is durable, or why it must come again."""

log: Final = logging.getLogger(__name__)


class Verdict(Enum):
    """What the sender is told of a message whose answers are durable; trying again is an exception (`errors`)."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Pipeline:
    """Turns messages into durable predictions and rejections, many at once."""

    def __init__(
        self, parts: PipelineParts, *, bounds: QueueLimits, duplicates: DeduplicationWindow | None = None
    ) -> None:
        """Store the parts; work starts with the first message."""
        self._metrics = parts.metrics
        self._duplicates = DeduplicationWindow() if duplicates is None else duplicates
        answering = BatchCommit(parts)
        self._batcher: Batcher[DecodedMessage] = Batcher(answering.run, bounds=bounds, ended=self._settle)
        # Large tables have a line of their own: a reading must not wait until ten thousand others are answered.
        together = replace(bounds, batch_rows=min(TABLE_ROWS, bounds.batch_rows))
        self._tables: Batcher[DecodedMessage] = Batcher(
            answering.run_tables, bounds=together, ended=self._settle
        )
        parts.metrics.intake(self._batcher)
        self._reader = MessageDecoder(most_bytes=bounds.queue_bytes)
        self._joining: set[asyncio.Task[None]] = set()

    async def accept(self, envelope: Envelope) -> Verdict:
        """Return when everything that the message holds is durable; raises RetryError where nothing is promised.

        A reading that is known is not answered again: its first one's ticket is joined, or memory answers.
        """
        work = None if is_large(envelope) else read_inline(envelope)
        if work is None:
            work = await self._reader.read(envelope)
        keys = work.keys or work.identities()
        self._duplicates.move_on()
        if self._duplicates.all_new(keys):
            await self._claimed(work, keys)
        else:
            await self._durable(work, keys)
        return Verdict.ACCEPTED if work.usable else Verdict.REJECTED

    async def _durable(self, work: DecodedMessage, keys: Sequence[str]) -> None:
        """Return when every answer of a work is durable, here or with the ticket that it came first with."""
        sifted = self._duplicates.sift(keys)
        if len(sifted.fresh) == len(keys):
            await self._claimed(work, keys)
            return
        self._metrics.duplicates(in_flight=sifted.in_flight, durable=sifted.durable)
        # Claimed and joined before the first await: tickets are only ever joined by who came later, so in no circle.
        tickets = [*self._claimed_part(work, keys, sifted.fresh), *sifted.joined]
        for answer in [ticket.join() for ticket in tickets]:
            await answer

    def begin(self, messages: Iterable[tuple[Envelope, Told]]) -> None:
        """Do as `accept` does with messages that came together, without a task for each; every `told` is called once."""
        # Step by step for all, not message by message: the same few instructions again are what a processor likes.
        singles: list[tuple[DecodedMessage, Told]] = []
        others: list[tuple[DecodedMessage, Told]] = []
        for envelope, told in messages:
            work = None if is_large(envelope) else read_inline(envelope)
            if work is None:
                self._beside(self._read_durable(envelope), told, "reading a message in a thread")
                continue
            (singles if type(work.readings) is dict else others).append((work, told))
        self._duplicates.move_on()
        if not self._together(singles):
            others += singles
        for work, told in others:
            self._begin(work, told)

    def _together(self, singles: Sequence[tuple[DecodedMessage, Told]]) -> bool:
        """Take single readings in one step, and say whether that was done: not where one is known or all are too many."""
        works = [work for work, _ in singles]
        try:
            named = [work.identities() for work in works]
            keys = [own[0] for own in named]
            if not (keys and self._duplicates.all_new(keys)):
                return False
            tickets = self._batcher.submit_all(works, [size_of(work.envelope) for work in works])
        except Exception:
            log.exception("taking %d messages together broke", len(works))
            return False
        if not tickets:
            return False
        for (work, told), own in zip(singles, named, strict=True):
            work.told, work.keys = told, own
        self._duplicates.claim_each(keys, tickets)
        return True

    def _begin(self, work: DecodedMessage, told: Told) -> None:
        try:
            keys = work.identities()
            if self._duplicates.all_new(keys):
                work.told = told
                self._claimed(work, keys)
            else:
                self._beside(self._durable(work, keys), told, "joining a duplicate")
        except RetryError as error:
            told(error)
        except Exception:
            log.exception("taking a message broke")
            told(DefectError("taking this message broke"))

    def _beside(self, work: Coroutine[None, None, None], told: Told, name: str) -> None:
        joining = asyncio.create_task(self._answered(work, told), name=name)
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)

    async def _answered(self, work: Coroutine[None, None, None], told: Told) -> None:
        """Tell a sender how its work ended, whatever that raises."""
        try:
            await work
        except RetryError as error:
            told(error)
        except Exception:
            log.exception("taking a message failed")
            told(DefectError("taking this message failed"))
        else:
            told(None)

    async def _read_durable(self, envelope: Envelope) -> None:
        work = await self._reader.read(envelope)
        await self._durable(work, work.keys)

    async def predict(self, envelope: Envelope) -> EncodedLines:
        """Answer a message at once, through the same batches, and store nothing."""
        work = None if is_large(envelope) else read_inline(envelope, kept=False)
        if work is None:
            work = await self._reader.read(envelope, kept=False)
        lines: EncodedLines = await self._submit(work)
        return lines

    async def drain(self) -> None:
        """Take nothing new; return when all that was taken is answered."""
        self._tables.refuse()
        await self._batcher.drain()
        await self._tables.drain()
        if self._joining:
            await asyncio.wait(self._joining)

    def _submit(self, work: DecodedMessage) -> Ticket[DecodedMessage]:
        rows, refused = work.rows, work.refused_bytes
        batcher = self._tables if rows > INLINE_ROWS or refused > INLINE_BYTES else self._batcher
        return batcher.submit(work, rows, size_of(work.envelope) + refused, work.told is not None)

    def _claimed_part(
        self, work: DecodedMessage, keys: Sequence[str], fresh: Sequence[int]
    ) -> list[Ticket[DecodedMessage]]:
        return [self._claimed(work.only(fresh), [keys[nth] for nth in fresh])] if fresh else []

    def _claimed(self, work: DecodedMessage, keys: Sequence[str]) -> Ticket[DecodedMessage]:
        """Submit a work whose keys are all new; raises RetryError, and then claims nothing."""
        ticket = self._submit(work)
        work.keys = keys
        self._duplicates.claim(keys, ticket)
        return ticket

    def _settle(self, batch: Sequence[Ticket[DecodedMessage]]) -> None:
        """Note what is durable now, give free what must come again, and only then tell those who sent it."""
        try:
            self._note(batch)
        except Exception:
            # What is durable stays so, and who sent it must be told, whatever became of the window.
            log.exception("noting %d messages in the window of duplicates failed", len(batch))
        for ticket in batch:
            told, answer = ticket.item.told, ticket.answer
            if told is not None:
                try:
                    told(answer if isinstance(answer, RetryError) else None)
                except Exception:
                    log.exception("telling a sender broke")

    def _note(self, batch: Sequence[Ticket[DecodedMessage]]) -> None:
        durable: list[str] = []
        for ticket in batch:
            work, answer = ticket.item, ticket.answer
            # What the model failed on is welcome again: another model may answer it.
            if type(answer) is not EncodedLines or len(answer.predictions) < work.usable:
                self._duplicates.forget(work.keys)
            elif type(work.keys) is TableKeys:
                self._duplicates.remember(work.keys)
            else:
                durable += work.keys
        if durable:
            self._duplicates.remember(durable)
