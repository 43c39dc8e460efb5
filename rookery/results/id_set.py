"""IdSet and Labels: reading ids by the million, in little memory.

The readings of a file are called `<stem>-<row>`: a bit or a byte a row holds those, a string each of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PAGE: Final = 1_024
_DIGITS: Final = 12
_MOST_CODES: Final = 255
"""Labels that a byte can stand for; others are kept as texts."""


def _split(name: str) -> tuple[str, int] | None:
    """The stem and the row of a name that has both; together they give the name again."""
    stem, dash, row = name.rpartition("-")
    if (
        not dash
        or not row.isascii()
        or not row.isdigit()
        or len(row) > _DIGITS
        or (row[0] == "0" and row != "0")
    ):
        return None
    return stem, int(row)


class IdSet:
    """A set of names that only grows."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, int], bytearray] = {}
        self._others: set[str] = set()

    def add(self, name: str) -> bool:
        """Enter a name; returns whether it is new."""
        found = _split(name)
        if found is None:
            if name in self._others:
                return False
            self._others.add(name)
            return True
        stem, row = found
        page = self._pages.setdefault((stem, row // _PAGE), bytearray(_PAGE // 8))
        place, bit = divmod(row % _PAGE, 8)
        if page[place] >> bit & 1:
            return False
        page[place] |= 1 << bit
        return True


class Labels:
    """The observers' labels by reading id."""

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self._pages: dict[tuple[str, int], bytearray] = {}
        self._others: dict[str, str] = {}
        self._labels: list[str] = []
        self._codes: dict[str, int] = {}
        for name, label in known:
            self._add(name, label)

    def __getitem__(self, name: str) -> str | None:
        found = _split(name)
        if found is not None:
            stem, row = found
            page = self._pages.get((stem, row // _PAGE))
            if page is not None and page[row % _PAGE]:
                return self._labels[page[row % _PAGE] - 1]
        return self._others.get(name)

    def __bool__(self) -> bool:
        return bool(self._pages or self._others)

    def _add(self, name: str, label: str) -> None:
        found = _split(name)
        code = self._codes.get(label)
        if code is None and len(self._labels) < _MOST_CODES:
            self._labels.append(label)
            code = self._codes[label] = len(self._labels)
        if found is None or code is None:
            self._others[name] = label
            return
        stem, row = found
        page = self._pages.setdefault((stem, row // _PAGE), bytearray(_PAGE))
        page[row % _PAGE] = code
