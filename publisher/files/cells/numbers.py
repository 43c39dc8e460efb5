"""NumberStyle: how a file writes numbers, and what a text is by it; an ambiguous text is no number, and asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.publisher.files.columns.units import factor

if TYPE_CHECKING:
    from collections.abc import Iterable

SEPARATORS: Final = {
    ",": "comma",
    ".": "point",
    " ": "space",
    "'": "apostrophe",
    "_": "underscore",
    "\u2019": "apostrophe",
    "\u00a0": "space",
    "\u202f": "space",
    "\u2009": "space",
}
"""Signs between thousands, and what they are called."""

# Only what a writer of files writes: float() would also take "1_000", "nan", "infinity" and other scripts' digits.
PLAIN: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER: Final = re.compile(PLAIN)
_COMMA: Final = re.compile(PLAIN.replace(r"\.", ","))
_GROUPED: Final = re.compile(
    r"[+-]?[1-9][0-9]{0,2}([ ,.'_\u2019\u00a0\u202f\u2009])[0-9]{3}(?:\1[0-9]{3})*([.,][0-9]*)?"
)
_DECIMALS: Final = re.compile(r"[+-]?(?:0?,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|[0-9]{4,},[0-9]+)")
_AS_TEXT: Final = re.compile(r"""="([^"]*)"|=([^"]*)|'([^']*)'?""")
_WITH_UNIT: Final = re.compile(
    r"([+-]?[0-9.,](?:[0-9 .,'_\u2019\u00a0\u202f\u2009]*[0-9.,])?(?:[eE][+-]?[0-9]+)?)[ \u00a0]*([^\W\d_]+)\.?"
)
_SPACES: Final = {ord(sign): " " for sign, name in SEPARATORS.items() if name == "space"}
_MINUS: Final = "\u2212"


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """The sign before decimals ("" where the file leaves it open: a point, or a comma that nothing else can be), and that between thousands.

    `missing` are numbers that stand for no value.
    """

    decimal: str = ""
    thousands: str = ""
    missing: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether a text such as 39.1 is the number that it looks like, without any other question."""
        return self.thousands != "." and not self.missing

    def read(self, cell: str) -> float | None:
        """The number that a stripped cell is; None where it is none, or may be two."""
        return self._bare(bare(cell))

    def with_unit(self, cell: str, into: str | None) -> float | None:
        """The number of a cell that names its unit, such as 3.75 kg, in another one; None where it names none that is known."""
        found = _WITH_UNIT.fullmatch(bare(cell))
        if found is None or (times := factor(found[2], into)) is None:
            return None
        number = self._bare(found[1])
        return None if number is None else converted(number, times)

    def _bare(self, cell: str) -> float | None:
        text = cell.replace(_MINUS, "-")
        if self.thousands == " ":
            text = text.translate(_SPACES)
        if self.thousands and self.thousands in text:
            found = _GROUPED.fullmatch(text)
            if found is None or found[1] != self.thousands:
                return None
            text = text.replace(self.thousands, "")
        if _NUMBER.fullmatch(text):
            ambiguous = self.decimal == "," and _GROUPED.fullmatch(text) is not None
            return None if ambiguous else float(text)
        if self.decimal == "." or self.thousands == "," or not _COMMA.fullmatch(text):
            return None
        if self.decimal != "," and _GROUPED.fullmatch(text):
            return None
        return float(text.replace(",", "."))


def bare(cell: str) -> str:
    """A cell without a spreadsheet's signs that keep a number as a text: `="3750"`, `'3750`."""
    inner = _AS_TEXT.fullmatch(cell)
    return cell if inner is None else next(each for each in inner.groups() if each is not None).strip()


def amount(cell: str) -> str:
    """The number of a cell that may name its unit, as it is written."""
    found = _WITH_UNIT.fullmatch(cell)
    return cell if found is None else found[1]


def converted(number: float, times: float) -> float:
    """A number in another unit, without the noise of binary fractions."""
    return number if times == 1 else float(f"{number * times:.12g}")


def decimal_of(cells: Iterable[str]) -> str:
    """The sign before decimals in columns of numbers: a comma where one of these cells can mean nothing else, else "" (open)."""
    return "," if any(_DECIMALS.fullmatch(cell.strip()) for cell in cells) else ""


def grouped(cell: str) -> tuple[str, float] | None:
    """The sign between the thousands of a cell that may have one, and the number that the cell is then."""
    found = _GROUPED.fullmatch(cell)
    if found is None or (found[2] and found[2][0] == found[1]):
        return None
    return found[1], float(cell.replace(found[1], "").replace(",", "."))
