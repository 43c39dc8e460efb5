"""TableLines: the predictions of a whole table, written column by column into one block of lines of one width.

The lines equal those of `encode_lines` but for blanks between words and zeros at the end of numbers, which make them
equally wide.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
from msgspec import Struct

from rookery.worker.encoding.answer_texts import padded
from rookery.worker.encoding.fixed_width import FixedWidthLines
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rookery.schemas.contract.reading_classes import AnyTable
    from rookery.worker.decoding.table import DecodedColumns
    from rookery.worker.encoding.answer_texts import AnswerTexts, Piece

LEAST_ROWS: Final = 128
"""Fewer lines are written one by one before numpy has begun."""

_AT_ONCE: Final = 2_048
"""Lines that are written without stepping aside: less than a millisecond's work."""


class Message(Struct, frozen=True):
    """The message that the table came in: its id, and what a row without an id is known by, before its number."""

    message_id: str
    identity: str


def table_lines(
    readings: AnyTable | DecodedColumns,
    positions: Sequence[int],
    answers: AnswerTexts,
    *,
    message: Message,
    end: bytes,
) -> FixedWidthLines:
    """Write a table's lines with the answers to its readings; `end` is how each line ends; raises UnevenWidthError."""
    where = np.arange(len(positions)) if isinstance(positions, range) else np.asarray(positions)
    return _even(
        [
            *_identity(readings, where, message.identity),
            b'"message_id":%b,"row":' % orjson.dumps(message.message_id),
            _rows(len(str(int(where[-1]))), ",").take(where),
            b'"device_id":',
            _texts(readings.device_id),
            b'"observed_at":',
            _texts(readings.observed_at),
            *answers.pieces,
            end,
        ],
        len(where),
    )


def _even(pieces: Sequence[Piece], rows: int) -> FixedWidthLines:
    """Put pieces side by side, constant ones in every line."""
    template = b"".join(
        piece if isinstance(piece, bytes) else bytes(piece.dtype.itemsize) for piece in pieces
    )
    width = len(template)
    block = np.empty((rows, width), dtype=np.uint8)
    block[:] = np.frombuffer(template, dtype=np.uint8)
    at = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            at += len(piece)
        else:
            np.ndarray((rows,), piece.dtype, block.data, at, (width,))[:] = piece
            at += piece.dtype.itemsize
            if rows > _AT_ONCE:
                step_aside()
    return FixedWidthLines(block.data.cast("B"), width)


def _identity(readings: AnyTable | DecodedColumns, where: NDArray[np.intp], message: str) -> list[Piece]:
    own = readings.reading_id
    if own is None:
        return [
            b'{"reading_id":%b/' % orjson.dumps(message)[:-1],
            _rows(len(str(int(where[-1]))), '",').take(where),
        ]
    if None in own:
        own = [
            f"{message}/{row}" if name is None else name
            for name, row in zip(own, where.tolist(), strict=True)
        ]
    return [b'{"reading_id":', _texts(own)]


@cache
def _rows(digits: int, behind: str) -> NDArray[np.void]:
    """All rows of so many digits at most, each with something behind it and blanks up to one width."""
    return padded([f"{row}{behind}".encode() for row in range(10**digits)])


def _texts(column: Sequence[object] | None) -> Piece:
    """Write a column's texts or times in JSON, a comma behind each."""
    if column is None:
        return b"null,"
    written = orjson.dumps(column, option=orjson.OPT_UTC_Z)[1:-1]
    if b"\\" in written or None in column:
        return padded([b"%b," % orjson.dumps(each, option=orjson.OPT_UTC_Z) for each in column])
    # Without escapes a quote only ends a text; and no text holds a raw newline.
    return padded((written + b",").replace(b'","', b'",\n"').split(b"\n"))
