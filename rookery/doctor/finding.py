"""Finding: one thing that was looked at, how it is, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is; only an error makes the exit code 1."""

    OK = "ok"
    UNSEEN = "unseen"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, as a sentence; `mend` says what to do about it."""

    level: Level
    sentence: str
    mend: str = ""


def ok(sentence: str) -> Finding:
    """Nothing to do."""
    return Finding(Level.OK, sentence)


def unseen(sentence: str) -> Finding:
    """It could not be looked at from here, which is no fault of the configuration."""
    return Finding(Level.UNSEEN, sentence)


def warning(sentence: str, mend: str) -> Finding:
    """It works, and will hurt some day."""
    return Finding(Level.WARNING, sentence, mend)


def error(sentence: str, mend: str) -> Finding:
    """It is unsafe, or does not work."""
    return Finding(Level.ERROR, sentence, mend)
