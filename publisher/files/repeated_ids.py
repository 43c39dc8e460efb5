"""Repeated ids: the rows of a file whose reading_id an earlier row has, found before the first row leaves.

A worker takes the later row for a duplicate of the earlier one, whatever it holds. Eight bytes are kept of each id:
40 MB for a file of 5,000,000 rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.options import quoted
from rookery.schemas.rejection import Reason

MOST: Final = 1_000
"""Rows that may repeat an id; where there are more, the column is no identity. A block more may be found at once."""

_PARTS: Final = 64
"""Parts that hashes are sorted into: no more than one part is in a set, which costs ten times the memory."""


Stated = Callable[[], Iterable[tuple[Sequence[int], Sequence[str]]]]
"""Reads a file's rows and what each says its id is ("" where it says none), some at a time."""


def repeated(stated: Stated) -> dict[int, int]:
    """Give each row that repeats an id with the first row that has it, MOST + 1 rows at most.

    The file is read a second time only where hashes are equal.
    """
    suspects = _equal_hashes(stated)
    firsts: dict[str, int] = {}
    found: dict[int, int] = {}
    for rows, names in stated() if suspects else ():
        for row, name in zip(rows, names, strict=True):
            if name and hash(name) in suspects and (first := firsts.setdefault(name, row)) != row:
                found[row] = first
        if len(found) > MOST:
            break
    return found


def identities(file: str, stated: Stated, line: Callable[[int], int], column: str) -> dict[int, int]:
    """The same of a file's column of ids; raises BadFileError where it is no identity."""
    found = repeated(stated)
    if len(found) > MOST:
        (row, first), *_ = found.items()
        rule = (
            f"each row needs its own; lines {line(first)} and {line(row)} share one, and more than {MOST} others do: "
            f"--map {quoted(f'{column}=')} leaves the column out"
        )
        raise BadFileError(file, Reason(field="reading_id", rule=rule))
    return found


def _equal_hashes(stated: Stated) -> set[int]:
    parts = [array("q") for _ in range(_PARTS)]
    for _, names in stated():
        for hashed in map(hash, filter(None, names)):
            parts[hashed % _PARTS].append(hashed)
    equal: set[int] = set()
    for part in parts:
        seen: set[int] = set()
        for each in part if len(set(part)) < len(part) else ():
            (equal if each in seen else seen).add(each)
        if len(equal) > MOST:
            break
    return equal
