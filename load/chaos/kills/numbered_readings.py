"""NumberedReadings: the reading of each number, the same in every process of a run, with its expected result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.load.chaos.labelled_readings import LabelledReadings

REJECTED: Final = "rejected"
"""The fate in the ledger; a publisher that starts two hundred times does without the ledger's packages."""
_INVALID_EVERY: Final = 25


@dataclass(frozen=True, slots=True)
class NumberedReadings:
    """Fields and expected results, one after the other, again and again."""

    fields: list[dict[str, Any]]
    expected: list[str]

    @classmethod
    def write(cls, path: Path, readings: LabelledReadings) -> Self:
        """Keep labelled readings in a file, every _INVALID_EVERY-th of them with a text in each feature."""
        fields, expected = [], []
        for number, each in enumerate(readings):
            invalid = number % _INVALID_EVERY == 0
            fields.append(dict.fromkeys(each.fields, "?") if invalid else each.fields)
            expected.append(REJECTED if invalid else each.label)
        path.write_text(json.dumps([fields, expected]))
        return cls(fields, expected)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what was kept."""
        return cls(*json.loads(path.read_text()))

    def payload(self, name: str, number: int) -> bytes:
        """The message of a publisher's reading."""
        fields = self.fields[number % len(self.fields)]
        return json.dumps({**fields, "reading_id": reading_id(name, number)}).encode()

    def result(self, number: int) -> str:
        """The label that the model answers, or that the reading is rejected."""
        return self.expected[number % len(self.expected)]


def reading_id(name: str, number: int) -> str:
    """The identity of a publisher's reading."""
    return f"{name}-{number}"
