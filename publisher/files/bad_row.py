"""BadRow: a row of a file or stream that cannot be published, and every reason why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rookery.schemas.rejection import Reason


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row with its line (from 1, as editors count), its text as it was written, and what it would be known by.

    `questions` ask of a field what may help, with the option that answers.
    """

    line: int
    reasons: tuple[Reason, ...]
    text: str
    reading_id: str = ""
    questions: Mapping[str, str] = field(default_factory=dict)

    @property
    def why(self) -> str:
        """Every reason, in one line."""
        return why(self.reasons, self.questions)

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


def why(reasons: Iterable[Reason], questions: Mapping[str, str] | None = None) -> str:
    """Write every reason against a row in one line."""
    asked = questions or {}
    return "; ".join(
        f"{each.field}: {each.rule}"
        + (f", not {each.value}" if each.value else "")
        + (f": {asked[each.field]}" if each.field in asked else "")
        for each in reasons
    )
