"""Cells: one column of a batch over the stream's own bytes, and its values as JSON would have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from msgspec import Struct

from rookery.worker.decoding.arrow.flatbuffer import DamagedStreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Cells: TypeAlias = "Nothing | Numbers | Flags | Texts | Moments | Coded"
    # (n,) whether a cell has a value; None where all have.
    Valid: TypeAlias = NDArray[np.bool_] | None


class Nothing(Struct, frozen=True):
    """Cells without any value."""

    rows: int

    @property
    def text_bytes(self) -> int:
        """Bytes of its texts, each as often as it is there."""
        return 0

    def values(self) -> list[Any]:
        """None for each."""
        return [None] * self.rows


class Numbers(Struct, frozen=True):
    """Numbers of any of Arrow's widths."""

    valid: Valid
    numbers: NDArray[Any]

    @property
    def text_bytes(self) -> int:
        """Bytes of its texts."""
        return 0

    def values(self) -> list[Any]:
        """Each number, None for null."""
        return _known(self.numbers.tolist(), self.valid)


class Flags(Struct, frozen=True):
    """True and false."""

    valid: Valid
    flags: NDArray[np.bool_]

    @property
    def text_bytes(self) -> int:
        """Bytes of its texts."""
        return 0

    def values(self) -> list[Any]:
        """True or false, None for null."""
        return _known(self.flags.tolist(), self.valid)


class Texts(Struct, frozen=True):
    """Texts: text n is `content[offsets[n]:offsets[n + 1]]`; the offsets only grow, and lead out of no content."""

    valid: Valid
    offsets: NDArray[np.int64]
    content: memoryview

    @property
    def text_bytes(self) -> int:
        """Bytes of its texts."""
        return int(self.offsets[-1] - self.offsets[0])

    def values(self) -> list[Any]:
        """Each text, None for null; raises DamagedStreamError where one is no UTF-8."""
        first = int(self.offsets[0])
        places = (self.offsets - first).tolist()
        content = bytes(self.content[first : first + places[-1]])
        ends = pairwise(places)
        try:
            if content.isascii():
                whole = content.decode("ascii")
                return _known([whole[begin:end] for begin, end in ends], self.valid)
            return _known([content[begin:end].decode() for begin, end in ends], self.valid)
        except UnicodeDecodeError:
            raise DamagedStreamError("a text is no UTF-8") from None


_PARSECS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = int((datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_LATEST: Final = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH).total_seconds())


class Moments(Struct, frozen=True):
    """Times since 1970 in a unit, in UTC where `zoned`."""

    valid: Valid
    ticks: NDArray[np.int64]
    unit: str
    zoned: bool

    @property
    def text_bytes(self) -> int:
        """Bytes of its texts."""
        return 0

    def values(self) -> list[Any]:
        """Each time as text by RFC 3339, without an offset where it has none; None for null."""
        second, end = _PARSECS[self.unit], "Z" if self.zoned else ""
        return _known([_written(tick, second, end) for tick in self.ticks.tolist()], self.valid)

    def moments(self) -> list[datetime | None] | None:
        """Each time, cut to microseconds; None where one has no offset, or is beyond the years 1 to 9999."""
        second = _PARSECS[self.unit]
        seconds = self.ticks // second
        known = seconds if self.valid is None else seconds[self.valid]
        if not self.zoned or (len(known) and (known.min() < _EARLIEST or known.max() > _LATEST)):
            return None
        if self.valid is not None:
            seconds = np.where(self.valid, seconds, 0)
        parts = (self.ticks - self.ticks // second * second) * 1_000_000 // second
        return _known(
            [
                _EPOCH + timedelta(seconds=whole, microseconds=part)
                for whole, part in zip(seconds.tolist(), parts.tolist(), strict=True)
            ],
            self.valid,
        )


def _written(tick: int, second: int, end: str) -> str:
    whole, part = divmod(tick, second)
    if not _EARLIEST <= whole <= _LATEST:
        # As no form has it that a time can have, so that it is refused with the rule for one.
        return f"{whole} s after 1970{end}"
    moment = _EPOCH + timedelta(seconds=whole, microseconds=part * 1_000_000 // second)
    return f"{moment.replace(tzinfo=None).isoformat()}{end}"


class Coded(Struct, frozen=True):
    """Cells of a dictionary: each is one of its words, by its place; no place of a valid cell leads out of them."""

    valid: Valid
    places: NDArray[np.int64]
    words: Cells

    @property
    def text_bytes(self) -> int:
        """Bytes of its texts, each as often as it is there."""
        if not isinstance(self.words, Texts):
            return 0
        return int(np.diff(self.words.offsets)[self._known].sum())

    @property
    def _known(self) -> NDArray[np.int64]:
        return self.places if self.valid is None else self.places[self.valid]

    def values(self) -> list[Any]:
        """Each cell's word, None for null; equal ones are one object."""
        words = self.words.values()
        if self.valid is None:
            return [words[place] for place in self.places.tolist()]
        return [
            words[place] if known else None
            for place, known in zip(self.places.tolist(), self.valid.tolist(), strict=True)
        ]


def _known(values: Sequence[Any], valid: Valid) -> list[Any]:
    if valid is None:
        return list(values)
    return [value if known else None for value, known in zip(values, valid.tolist(), strict=True)]
