"""FileOptions: what a user says of a file that the file does not say itself, or says in a way that nothing can know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rookery.publisher.files.cells.numbers import NumberStyle

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Each option of `rookery publish file`, by the name that it has there; what is not given is recognised.

    `mapping` says what a column is, `units` in what unit, `skip` how many lines stand above the header, `missing` which
    numbers stand for no value, `sheet` which sheet of a spreadsheet.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    skip: int | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str = ""
    thousands: str = ""
    missing: tuple[str, ...] = ()
    sheet: str | None = None

    @property
    def numbers(self) -> NumberStyle:
        """How the file writes numbers."""
        return NumberStyle(self.decimal, self.thousands, self.missing)

    def said(self) -> dict[str, str]:
        """The options that were given, as texts: another run with others reads other readings."""
        pairs = {
            "map": " ".join(f"{column}={of}" for column, of in sorted(self.mapping.items())),
            "unit": " ".join(f"{column}={of}" for column, of in sorted(self.units.items())),
            "skip": "" if self.skip is None else str(self.skip),
            "delimiter": self.delimiter or "",
            "encoding": self.encoding or "",
            "decimal": self.decimal,
            "thousands": self.thousands,
            "missing": " ".join(self.missing),
            "sheet": self.sheet or "",
        }
        return {name: value for name, value in pairs.items() if value}


def quoted(text: str) -> str:
    """A text as one word of a shell, as a message writes it behind an option."""
    inner = text.replace("'", "'\"'\"'")
    return f"'{inner}'"
