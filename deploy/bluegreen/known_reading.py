"""KnownReading: a reading whose answer is known before the release; the smoke test expects it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluegreen.errors import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class KnownReading:
    """A reading, the name of the answer in a result line, and the answer."""

    fields: dict[str, Any]
    target: str
    label: str


def known_readings(file: Path) -> tuple[KnownReading, ...]:
    """Read `[{"<target>": "<label>", "reading": {...}}, ...]`; raises ReleaseError where the file is anything else."""
    try:
        known = tuple(_known(each) for each in json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ReleaseError(f"{file} cannot be read: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        known = ()
    if not known:
        form = '[{"<target>": "<label>", "reading": {...}}, ...]'
        raise ReleaseError(f"{file} holds no known readings: {form} is needed")
    return known


def _known(said: dict[str, Any]) -> KnownReading:
    ((target, label),) = ((name, value) for name, value in said.items() if name != "reading")
    return KnownReading({**said["reading"]}, target, label)
