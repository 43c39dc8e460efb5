"""Sink: where predictions and rejections become durable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from rookery.worker.encoding.fixed_width import chained
from rookery.worker.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from rookery.schemas.envelope import Envelope


class SinkUnavailableError(UnavailableError):
    """The sink did not make the block durable."""

    cause = "sink"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBlock:
    """Lines that become durable together.

    `key` is derived from the messages that the lines answer, not from when: a redelivered batch has the same
    key. `published_at` is when the first of them was published, which does not change with their delivery either. Each line is one JSON object with its newline; `traces` hold each line's trace context, or are empty.
    """

    key: str
    lines: Sequence[bytes]
    written_at: datetime
    published_at: datetime | None = None
    traces: Sequence[Mapping[str, str]] = ()


def block_key(envelopes: Iterable[Envelope], *, parts: Iterable[str] = ()) -> str:
    """Name a block after the messages that it answers: their subscriptions, ids, publish times and payloads.

    `parts` name the readings of those messages that are answered only in part. The order does not matter,
    nor, where blocks are merged, how the messages were shared out: the key is a sum.
    """
    total = 0
    for each in envelopes:
        digest = hashlib.sha256(f"{each.identity}\n{each.data}\n".encode())
        digest.update(each.body or b"")
        total += int.from_bytes(digest.digest())
    for part in parts:
        total += int.from_bytes(hashlib.sha256(f"{part}\n".encode()).digest())
    return _key(total)


def merged(blocks: Sequence[LineBlock]) -> LineBlock:
    """Join blocks into one, under the key that their messages would have had in one batch."""
    if len(blocks) == 1:
        return blocks[0]
    nothing: Mapping[str, str] = {}
    traced = any(block.traces for block in blocks)
    return LineBlock(
        # Where no sink asks for one there is none.
        key=_key(sum(int(block.key, 16) for block in blocks)) if all(block.key for block in blocks) else "",
        lines=chained([block.lines for block in blocks]),
        written_at=min(block.written_at for block in blocks),
        published_at=min((each.published_at for each in blocks if each.published_at), default=None),
        traces=[trace for block in blocks for trace in block.traces or [nothing] * len(block.lines)]
        if traced
        else (),
    )


def _key(total: int) -> str:
    return f"{total % 2**128:032x}"


TRACE_ATTRIBUTES: Final = ("traceparent", "tracestate", "googclient_traceparent", "googclient_tracestate")
"""The message attributes that carry W3C trace context; the prefixed ones are those of Google's own clients."""


_LONGEST_CONTEXT: Final = 512
"""Characters that W3C has every platform carry on."""


def trace_context(attributes: Mapping[str, str]) -> dict[str, str]:
    """The trace context among a message's attributes, but for what is too long to be one."""
    return {
        name: attributes[name]
        for name in TRACE_ATTRIBUTES
        if name in attributes and len(attributes[name]) <= _LONGEST_CONTEXT and attributes[name].isascii()
    }


class Sink(Protocol):
    """Makes blocks durable; may be written to concurrently."""

    async def write(self, block: LineBlock) -> None:
        """Return when every line is durable; raise SinkUnavailableError otherwise."""

    async def close(self) -> None:
        """Release what is held; nothing is written afterwards."""
