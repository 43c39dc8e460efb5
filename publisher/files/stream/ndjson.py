"""NDJSON: one reading or table a line, as a program writes them; or all of them in one JSON array."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final, TextIO

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.stream.json_array import BrokenArrayError, JsonArray, is_line
from rookery.publisher.files.stream.lines import Line, begin, lines
from rookery.publisher.message import MAX_PAYLOAD
from rookery.schemas.codec import InvalidPayload, decode
from rookery.schemas.contract.reading_classes import AnyReading
from rookery.schemas.rejection import Reason, UnusableReadingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.reading_classes import AnyTable

_LONGEST: Final = MAX_PAYLOAD
_UTF_16: Final = ("\udcff", "\udcfe")
"""How a byte order mark of UTF-16 begins that was read as UTF-8."""

_SHOWN: Final = 1_000
"""Characters of a bad line that are kept: a table's line may have millions."""


def ndjson_readings(
    stream: TextIO, contract: CompiledContract | None = None
) -> Iterator[AnyReading | AnyTable | BadRow]:
    """Read line by line by a contract (the default one where none is given), or element by element where all is one JSON array.

    A table's bad rows come alone, before the table of the good ones. Raises BadFileError for UTF-16.
    """
    first = begin(stream)
    if first.text in _UTF_16:
        raise BadFileError(
            getattr(stream, "name", "input"), Reason(field="file", rule="UTF-8 is needed, not UTF-16")
        )
    if first.text == "[":
        first = Line(number=first.number, text="[" + stream.readline(_SHOWN))
    if not first.text.startswith("[") or is_line(first.text):
        for line in lines(stream, _LONGEST, first):
            yield from _read(line, contract)
        return
    try:
        for element in JsonArray(stream, after=first, limit=_LONGEST).elements():
            yield from _read(element, contract)
    except BrokenArrayError as error:
        reason = Reason(field="array", rule=f"{error}; the rest was not read")
        yield BadRow(line=error.line, reasons=(reason,), text="")


def _read(line: Line, contract: CompiledContract | None) -> Iterator[AnyReading | AnyTable | BadRow]:
    if not line.whole:
        yield _bad(line, Reason(field="line", rule=f"at most {_LONGEST} characters are needed"))
        return
    try:
        decoded = decode(_bytes(line.text), contract)
    except UnusableReadingError as error:
        yield _bad(line, *error.reasons)
        return
    if isinstance(decoded, AnyReading):
        yield decoded
        return
    yield from (_bad_cell(line, each) for each in decoded.refused)
    if decoded.table is not None:
        yield decoded.table


def _bad(line: Line, *reasons: Reason) -> BadRow:
    return BadRow(line=line.number, reasons=reasons, text=_text(_bytes(line.text[:_SHOWN])))


def _bad_cell(line: Line, refused: InvalidPayload) -> BadRow:
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
