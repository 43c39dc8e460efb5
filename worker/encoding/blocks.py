"""Line blocks: the lines of a batch's answers, one block for each sink."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import groupby, repeat
from typing import TYPE_CHECKING

from rookery.worker.encoding.contract_lines import ContractLines
from rookery.worker.encoding.fixed_width import chained
from rookery.worker.sinks.protocol import LineBlock, block_key, trace_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.worker.batching.ticket import Ticket
    from rookery.worker.decoding.message import DecodedMessage
    from rookery.worker.encoding.lines import EncodedLines

    Kept = Sequence[tuple[Ticket[DecodedMessage], EncodedLines]]
    """The tickets of a batch whose lines become durable, with these lines."""


def line_blocks(kept: Kept, at: datetime, *, named: bool) -> tuple[LineBlock, LineBlock]:
    """Collect the predictions and the rejections of a batch; `named` where a sink addresses blocks by their key."""
    rejected = [lines.rejections for _, lines in kept if lines.rejections]
    results = LineBlock(key="", lines=_predictions(kept), written_at=at)
    rejects = LineBlock(key="", lines=chained(rejected) if rejected else (), written_at=at)
    return _named(results, rejects, kept) if named else (results, rejects)


def _predictions(kept: Kept) -> Sequence[bytes]:
    """The predictions of all messages in their order, with their contract where they become columns."""
    if not kept or kept[0][1].contract is None:
        return chained([lines.predictions for _, lines in kept])
    parts: list[Sequence[bytes]] = []
    # Single readings of one contract are one part.
    for (contract, columns), group in groupby((lines for _, lines in kept), _kind):
        own = chained([lines.predictions for lines in group])
        parts.append(own if columns or contract is None else ContractLines(contract, partial(_same, own)))
    return chained(parts)


def _kind(lines: EncodedLines) -> tuple[CompiledContract | None, bool]:
    return lines.contract, isinstance(lines.predictions, ContractLines)


def _same(lines: Sequence[bytes]) -> Sequence[bytes]:
    return lines


def _named(results: LineBlock, rejects: LineBlock, kept: Kept) -> tuple[LineBlock, LineBlock]:
    """Add to both blocks of a batch what remote sinks name and address them by."""
    works = [ticket.item for ticket, _ in kept]
    # A message's second delivery may bring other rows than its first: its block must not have the same name.
    parts = [key for work in works if work.partial for key in work.keys]
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


def _traces(works: Sequence[DecodedMessage], counts: Sequence[int]) -> Sequence[Mapping[str, str]]:
    """The trace context of each line, `counts` of them from each work; nothing where no message has any."""
    traces = [trace_context(work.envelope.attributes) for work in works]
    if not any(traces):
        return ()
    return [
        each
        for trace, count in zip(traces, counts, strict=True)
        for each in (repeat(_parent(trace), count) if count > 1 else (trace,) * count)
    ]


def _parent(trace: Mapping[str, str]) -> Mapping[str, str]:
    """The part of a trace context that a table's many lines repeat: the span, without vendors' additions."""
    return {name: value for name, value in trace.items() if name.endswith("parent")}
