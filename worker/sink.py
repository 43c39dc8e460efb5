"""Sink: where predictions and rejections become durable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from worker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from schemas.envelope import Envelope


class SinkUnavailable(Unavailable):
    """The sink did not make the block durable."""

    cause = "sink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines that become durable together.

    `key` is derived from the messages that the lines answer, not from when: a redelivered batch has the same
    key. Each line is one JSON object with its newline.
    """

    key: str
    lines: Sequence[bytes]
    written_at: datetime


def block_key(envelopes: Iterable[Envelope], *, parts: Iterable[str] = ()) -> str:
    """Name a block after the messages that it answers: their ids, publish times and payloads.

    `parts` name the readings of those messages that are answered only in part.
    """
    digest = hashlib.sha256()
    for each in envelopes:
        digest.update(f"{each.message_id}\n{each.published_at}\n{each.data}\n".encode())
        digest.update(each.body or b"")
    for part in parts:
        digest.update(f"{part}\n".encode())
    return digest.hexdigest()[:32]


class Sink(Protocol):
    """Makes blocks durable; may be written to concurrently."""

    async def write(self, block: Block) -> None:
        """Return when every line is durable; raise SinkUnavailable otherwise."""

    async def close(self) -> None:
        """Release what is held; nothing is written afterwards."""
