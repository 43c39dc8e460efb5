"""Missing: the texts that stand for no value, as pandas, R, SQL, Stata, Excel and people write them.

A number is never one of them: -9, 99 or -9999 may be a measured value. `--missing -9999` says of a file that it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_PANDAS: Final = "n/a|na|nan|-nan|<na>|null|none|nat|#n/a|#n/a n/a|#na|1.#ind|-1.#ind|1.#qnan|-1.#qnan"
_OTHERS: Final = r"n.a.|n.a|n.d.|nd|\n|nil|(null)|<null>|(na)|(blank)|missing|unknown|unk|not available"
_SIGNS: Final = ".|..|?|_|-|--|---|\u2013|\u2014|n/a.|*"
_EXCEL: Final = "#div/0!|#ref!|#value!|#name?|#num!|#null!"
_STATA: Final = "|".join(f".{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")

MISSING: Final = frozenset({"", *f"{_PANDAS}|{_OTHERS}|{_SIGNS}|{_EXCEL}|{_STATA}".split("|")})
"""Spellings of a missing value, in small letters."""

_LONGEST: Final = max(map(len, MISSING))

WRITTEN: Final = tuple(
    sorted(
        {spelt for word in MISSING for spelt in (word, word.upper(), word.capitalize(), "NaN", "<NA>", "N/a")}
    )
)
"""The same as they are mostly written, for a search in whole columns."""

LIKELY_CODES: Final = ("-1", "-9", "-99", "-999", "-9999", "-99999", "99", "999", "9999", "99999")
"""Numbers that often stand for a missing value: they are asked for, never guessed."""


def missing(cell: str, codes: Collection[str] = ()) -> bool:
    """Whether a stripped cell stands for nothing, `codes` being what stands for it in its file beside MISSING."""
    return (len(cell) <= _LONGEST and cell.casefold() in MISSING) or cell in codes


def stated(cell: str) -> str:
    """A cell without the spaces around it; empty where its value is missing."""
    said = cell.strip()
    return "" if missing(said) else said
