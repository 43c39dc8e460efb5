"""The story of a message: read, batched, classified, made durable, and only then answered for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from worker.batcher import Batcher, Bounds, Ticket
from worker.isolation import classify
from worker.rendering import Lines, render
from worker.sink import Block, Sink, SinkUnavailable, block_key
from worker.work import Work, encoded, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from schemas.envelope import Envelope
    from worker.classifier import Classifier
    from worker.metrics import Metrics


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


class Pipeline:
    """Turns messages into durable predictions and rejections, many at once."""

    def __init__(self, parts: Parts, *, bounds: Bounds) -> None:
        """Store the parts; work starts with the first message."""
        self._parts = parts
        self._batcher: Batcher[Work] = Batcher(self._run, bounds=bounds)

    async def accept(self, envelope: Envelope) -> Verdict:
        """Return when everything that the message holds is durable; raises Retry where nothing is promised."""
        work = read(envelope, kept=True)
        await self._submit(work)
        return Verdict.ACCEPTED if work.usable else Verdict.REJECTED

    async def predict(self, envelope: Envelope) -> Lines:
        """Answer a message at once, through the same batches, and store nothing."""
        return await self._submit(read(envelope, kept=False))

    async def drain(self) -> None:
        """Take nothing new; return when all that was taken is answered."""
        await self._batcher.drain()

    async def _submit(self, work: Work) -> Lines:
        envelope = work.envelope
        size = len(envelope.data) if envelope.body is None else len(envelope.body)
        lines: Lines = await self._batcher.submit(work, rows=work.rows, size=size)
        return lines

    async def _run(self, tickets: Sequence[Ticket[Work]]) -> None:
        """Answer one batch: classify and render off the loop, give back, make durable, acknowledge."""
        at = self._parts.now()
        works = [ticket.item for ticket in tickets]
        self._parts.metrics.batch(works)
        with self._parts.metrics.predicting():
            lines = await asyncio.to_thread(self._answer, works, at)
        kept: list[tuple[Ticket[Work], Lines]] = []
        for ticket, answered in zip(tickets, lines, strict=True):
            if ticket.item.kept:
                kept.append((ticket, answered))
            else:
                ticket.resolve(answered)
        if kept:
            await self._commit(kept, at)

    def _answer(self, works: Sequence[Work], at: datetime) -> list[Lines]:
        rows = encoded(works)
        isolated = classify(self._parts.classifier, rows)
        return render(works, rows, isolated, at=at, revision=self._parts.revision)

    async def _commit(self, kept: Sequence[tuple[Ticket[Work], Lines]], at: datetime) -> None:
        """Make the lines durable; a message fails only with the sink that it needs."""
        results = [line for _, lines in kept for line in lines.predictions]
        rejects = [line for _, lines in kept for line in lines.rejections]
        key = block_key(ticket.item.envelope for ticket, _ in kept)
        with self._parts.metrics.writing():
            no_results, no_rejects = await asyncio.gather(
                _written(self._parts.results, Block(key=key, lines=results, written_at=at)),
                _written(self._parts.rejects, Block(key=key, lines=rejects, written_at=at)),
            )
        durable: list[Lines] = []
        for ticket, lines in kept:
            error = (no_results if lines.predictions else None) or (no_rejects if lines.rejections else None)
            if error is None:
                ticket.resolve(lines)
                durable.append(lines)
            else:
                ticket.fail(error)
        self._parts.metrics.answered(durable)


async def _written(sink: Sink, block: Block) -> SinkUnavailable | None:
    """Write a block; give back why it is not durable."""
    if not block.lines:
        return None
    try:
        await sink.write(block)
    except SinkUnavailable as error:
        return error
    return None
