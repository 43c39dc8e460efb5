"""NDJSON: one reading or table a line, as a program writes them."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final, TextIO

from publisher.bad_row import BadRow
from publisher.lines import Line, lines
from publisher.message import MAX_PAYLOAD
from schemas.codec import Refused, decode
from schemas.reading import Reading
from schemas.rejection import Reason, Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.table import ReadingTable

_LONGEST: Final = MAX_PAYLOAD
_SHOWN: Final = 1_000
"""Characters of a bad line that are kept: a table's line may have millions."""


def ndjson_readings(stream: TextIO) -> Iterator[Reading | ReadingTable | BadRow]:
    """Read line by line; a table's bad rows come alone, before the table of the good ones."""
    for line in lines(stream, _LONGEST):
        if not line.whole:
            yield _bad(line, Reason(field="line", rule=f"at most {_LONGEST} characters are needed"))
            continue
        try:
            decoded = decode(_bytes(line.text))
        except Unusable as error:
            yield _bad(line, *error.reasons)
            continue
        if isinstance(decoded, Reading):
            yield decoded
            continue
        yield from (_bad_cell(line, each) for each in decoded.refused)
        if decoded.table is not None:
            yield decoded.table


def _bad(line: Line, *reasons: Reason) -> BadRow:
    return BadRow(line=line.number, reasons=reasons, text=_text(_bytes(line.text[:_SHOWN])))


def _bad_cell(line: Line, refused: Refused) -> BadRow:
    """Say which row of the line's table it was."""
    placed = tuple(
        each.model_copy(update={"field": f"row {refused.row}, {each.field}"}) for each in refused.reasons
    )
    return BadRow(line=line.number, reasons=placed, text=_text(b64decode(refused.original)))


def _bytes(text: str) -> bytes:
    """The bytes that were read; what is no UTF-8 came as surrogates."""
    return text.encode(errors="surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
