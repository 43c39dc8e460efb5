"""State of a segment: which of its messages are no longer held, and how often the others were delivered.

It is a small row beside the segment, which is never changed: an acknowledgement must not write the messages anew.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

COLUMNS: Final = (
    "first_id INTEGER PRIMARY KEY, gone INTEGER NOT NULL, bits BLOB NOT NULL, attempts TEXT NOT NULL,"
    " checksum INTEGER NOT NULL"
)
NAMES: Final = "first_id, gone, bits, attempts, checksum"


@dataclass(slots=True)
class SegmentState:
    """One bit for each id from `first` to `last`, set where no message is held (any more), and attempts by id."""

    first: int
    last: int
    bits: bytearray
    attempts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def new(cls, first: int, last: int, held: Iterable[int]) -> Self:
        """Begin with the messages of a segment, by id."""
        span = last - first + 1
        state = cls(first, last, bytearray(((1 << span) - 1).to_bytes((span + 7) // 8, "little")))
        for ident in held:
            state.bits[(ident - first) >> 3] &= ~(1 << ((ident - first) & 7))
        return state

    @classmethod
    def read(cls, first: int, last: int, row: tuple[Any, ...] | None) -> Self:
        """Read a row of NAMES (None: every id has a message, without attempts); raises ValueError where its checksum is wrong."""
        if row is None:
            return cls(first, last, bytearray((last - first + 8) // 8))
        ident, _, bits, attempts, checksum = row
        if checksum != _checksum(ident, bits, attempts):
            raise ValueError(f"the state of the messages {first} to {last} is not as it was stored")
        return cls(
            first,
            last,
            bytearray(bits),
            {first + int(nth): times for nth, times in json.loads(attempts).items()},
        )

    @property
    def gone(self) -> int:
        """How many ids have no message."""
        return int.from_bytes(self.bits, "little").bit_count()

    @property
    def held(self) -> int:
        """How many messages are held."""
        return self.last - self.first + 1 - self.gone

    def holds(self, ident: int) -> bool:
        """Whether a message of the segment is held."""
        nth = ident - self.first
        return not self.bits[nth >> 3] >> (nth & 7) & 1

    def remove(self, ident: int) -> None:
        """Note that a message is gone."""
        nth = ident - self.first
        self.bits[nth >> 3] |= 1 << (nth & 7)
        self.attempts.pop(ident, None)

    def written(self) -> tuple[int, int, bytes, str, int]:
        """Write the row."""
        attempts = json.dumps({ident - self.first: times for ident, times in self.attempts.items()})
        bits = bytes(self.bits)
        return self.first, self.gone, bits, attempts, _checksum(self.first, bits, attempts)


def _checksum(first: int, bits: bytes, attempts: str) -> int:
    return zlib.crc32(f"{first} {attempts}".encode(), zlib.crc32(bits))
