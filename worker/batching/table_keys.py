"""TableKeys: what all rows of a table are known by, without a text for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

from rookery.schemas.codec import MAX_ROWS
from rookery.schemas.identity import identity

if TYPE_CHECKING:
    from collections.abc import Iterator


_DIGITS: Final = len(str(MAX_ROWS))


class TableKeys(Sequence[str]):
    """The identities of a message's rows 0 to `rows` - 1, none of which has an id of its own; immutable."""

    __slots__ = ("message", "rows")

    def __init__(self, message: str, rows: int) -> None:
        """Store what the identities are made of, `message` that of the message."""
        self.message = message
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    @overload
    def __getitem__(self, nth: int) -> str: ...
    @overload
    def __getitem__(self, nth: slice) -> Sequence[str]: ...
    def __getitem__(self, nth: int | slice) -> str | Sequence[str]:
        """Make one identity, or some."""
        if isinstance(nth, slice):
            return [self[each] for each in range(self.rows)[nth]]
        return identity(None, self.message, range(self.rows)[nth])

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(self.rows))


def row_of(key: str) -> tuple[str, int] | None:
    """The message and the row that a key may stand for; None where it cannot."""
    message, _, row = key.rpartition("/")
    # Only as it would be written: neither "07" nor other digits than ASCII's, nor more than a table can have rows.
    if not (message and row.isascii() and row.isdigit() and len(row) <= _DIGITS) or (
        row[0] == "0" and row != "0"
    ):
        return None
    return message, int(row)
