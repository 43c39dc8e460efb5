"""Values: how many there are in a JSON text, known before any of them is an object in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from rookery.schemas.rejection import Reason, UnusableReadingError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_VALUES: Final = 1_200_000
"""Values in one payload, nested ones too: a table of the most rows has a million cells in ten columns."""

MAX_NESTED: Final = 200_000
"""Names, arrays and objects in one payload: a valid one has some twenty, an invalid one may have some for each row.

Ten million bytes of `{"":0},` would be several hundred megabytes of objects, and nothing else ran while they are made.
"""

_SLICE: Final = 64 * 1024


class TooManyValuesError(UnusableReadingError):
    """A payload of more values than can be read; `count` is how many names it has, in whatever object."""

    def __init__(self, reason: Reason, *, count: int) -> None:
        super().__init__(reason)
        self.count = count


def parsed(payload: bytes) -> Any:
    """Read a JSON text as Python's objects; raises UnusableReadingError where it is none, TooManyValuesError where it is too many."""
    # None of them is shorter than one character.
    if len(payload) > MAX_NESTED and _may_be_too_many(payload):
        _hold(payload)
    try:
        return from_json(payload)
    except ValueError as error:
        raise UnusableReadingError(Reason(field="reading", rule=f"JSON is needed: {error}")) from None


def _may_be_too_many(payload: bytes) -> bool:
    # Characters in texts count here too; texts are located only where that is too much.
    brackets = payload.count(b"[") + payload.count(b"{")
    return brackets + payload.count(b",") > MAX_VALUES or brackets + payload.count(b":") > MAX_NESTED


def _hold(payload: bytes) -> None:
    """Raise TooManyValuesError where there are: every value but the first has a comma or a bracket before it."""
    brackets = commas = colons = 0
    for text in _beyond_texts(payload):
        brackets += text.count(b"[") + text.count(b"{")
        commas += text.count(b",")
        colons += text.count(b":")
    if brackets + commas > MAX_VALUES:
        raise TooManyValuesError(_too_many(f"{MAX_VALUES} values"), count=colons)
    if brackets + colons > MAX_NESTED:
        raise TooManyValuesError(_too_many(f"{MAX_NESTED} names, arrays and objects"), count=colons)


def _too_many(most: str) -> Reason:
    return Reason(field="reading", rule=f"at most {most} are possible")


def _beyond_texts(payload: bytes) -> Iterator[bytes]:
    """The parts of a JSON text outside quotes, one slice after the other."""
    unescaped = payload.replace(b"\\\\", b"").replace(b'\\"', b"")
    quoted = False
    for start in range(0, len(unescaped), _SLICE):
        pieces = unescaped[start : start + _SLICE].split(b'"')
        yield b"".join(pieces[quoted::2])
        quoted ^= not len(pieces) % 2
