"""BadRow: a row of a file or stream that cannot be published, and every reason why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rookery.schemas.rejection import Reason


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row with its line (from 1, as editors count), its text as it was written, and what it would be known by."""

    line: int
    reasons: tuple[Reason, ...]
    text: str
    reading_id: str = ""

    @property
    def why(self) -> str:
        """Every reason, in one line."""
        return why(self.reasons)

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


def why(reasons: Iterable[Reason]) -> str:
    """Write every reason against a row in one line."""
    return "; ".join(
        f"{each.field}: {each.rule}" + (f", not {each.value}" if each.value else "") for each in reasons
    )
