"""Finding: the result of one check, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is; only an error makes the exit code 1."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding as a sentence; `fix` is a command or an instruction."""

    level: Level
    sentence: str
    fix: str = ""


def ok(sentence: str) -> Finding:
    """Nothing to do."""
    return Finding(Level.OK, sentence)


def unknown(sentence: str) -> Finding:
    """Not checked: impossible from here, which is no fault of the configuration."""
    return Finding(Level.UNKNOWN, sentence)


def warning(sentence: str, fix: str) -> Finding:
    """It works, with a risk."""
    return Finding(Level.WARNING, sentence, fix)


def error(sentence: str, fix: str) -> Finding:
    """It is unsafe, or does not work."""
    return Finding(Level.ERROR, sentence, fix)
