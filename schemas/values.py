"""Values: how many there are in a JSON text, known before any of them is an object in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from schemas.rejection import Reason, Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_VALUES: Final = 1_200_000
"""Values in one payload, nested ones too: a table of the most rows has a million cells in ten columns.

Beyond that, ten million bytes of `{"":0},` would be a gigabyte of objects.
"""

_SLICE: Final = 64 * 1024


def parsed(payload: bytes) -> Any:
    """Read a JSON text as Python's objects; raises Unusable where it is none, or has more than MAX_VALUES values."""
    # No value is shorter than one character.
    if len(payload) > MAX_VALUES and _more_than_possible(payload):
        raise Unusable(Reason(field="reading", rule=f"at most {MAX_VALUES} values are possible"))
    try:
        return from_json(payload)
    except ValueError as error:
        raise Unusable(Reason(field="reading", rule=f"JSON is needed: {error}")) from None


def _more_than_possible(payload: bytes) -> bool:
    # Commas and brackets in texts count here; only where that is too much are the texts looked for.
    return _marks(payload) > MAX_VALUES and sum(map(_marks, _beyond_texts(payload))) > MAX_VALUES


def _marks(text: bytes) -> int:
    """Every value but the first one has a comma before it, or is the first one in brackets."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _beyond_texts(payload: bytes) -> Iterator[bytes]:
    """What of a JSON text stands in no quotes, a slice after the other."""
    unescaped = payload.replace(b"\\\\", b"").replace(b'\\"', b"")
    quoted = False
    for start in range(0, len(unescaped), _SLICE):
        pieces = unescaped[start : start + _SLICE].split(b'"')
        yield b"".join(pieces[quoted::2])
        quoted ^= not len(pieces) % 2
