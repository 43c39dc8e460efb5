"""AnswerTexts: what a model said of many readings, each part of it as texts of one width, so that lines are put together by columns."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import orjson
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from rookery.worker.inference.classifier import Predictions

    # Constant bytes, or (n,) of any type of fixed width.
    Piece = bytes | NDArray[Any]

_MILLION: Final = 1_000_000
_UNEVEN: Final = 2
"""How much wider than the average the widest text of a column may be: all lines are as wide as the widest."""


class UnevenWidthError(Exception):
    """The lines would be blanks for the most part, or a number is none that a probability can be."""


class TablePredictions(Struct, frozen=True):
    """The model's answers to n readings, and which features each of them lacked, (n, features)."""

    answers: Predictions
    lacking: NDArray[np.bool_]


class AnswerTexts(Struct, frozen=True):
    """The middle of n lines, from the answer to `model`: pieces that stand side by side, constant ones in every line."""

    pieces: Sequence[Piece]

    @classmethod
    def of(cls, said: TablePredictions) -> Self | None:
        """Write all answers; None where they are none that lines of one width can hold.

        Those to the tables of a batch are written together, for each step costs as much as some hundred rows.
        """
        try:
            return cls([*_pieces(said)])
        except UnevenWidthError:
            return None

    def part(self, rows: slice) -> Self:
        """The texts of some of the readings, sharing memory."""
        return type(self)([piece if isinstance(piece, bytes) else piece[rows] for piece in self.pieces])


def _pieces(said: TablePredictions) -> Iterator[Piece]:
    run = said.answers
    numbers = _numbers(run.probabilities)
    yield b"%b:" % orjson.dumps(run.contract.contract.target)
    yield padded([b"%b," % orjson.dumps(label) for label in run.labels]).take(run.label_indices)
    yield b'"probability":'
    yield numbers[np.arange(len(numbers)), run.label_indices]
    yield b',"probabilities":'
    yield from _shares(run, numbers)
    yield b',"out_of_distribution":'
    yield _flags(said)
    yield b',"model":%b' % orjson.dumps(run.model)


def padded(texts: Sequence[bytes]) -> NDArray[np.void]:
    """Make texts equally wide with blanks behind them; raises UnevenWidthError where these would be most of it."""
    width = max(map(len, texts))
    if width * len(texts) > _UNEVEN * sum(map(len, texts)) + 1_024:
        raise UnevenWidthError
    return np.frombuffer(b"".join([each.ljust(width) for each in texts]), dtype=f"V{width}")


def _numbers(probabilities: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Write probabilities with six digits, eight characters each as one number of eight bytes."""
    millionths = np.rint(probabilities.astype(np.float64) * _MILLION)
    if not (millionths.min() >= 0 and millionths.max() <= _MILLION):
        raise UnevenWidthError
    whole = millionths.astype(np.int32)
    thousands = whole // 1_000
    rest = whole - thousands * 1_000
    found: NDArray[np.uint64] = _THOUSANDTHS.take(thousands) | _MILLIONTHS.take(rest)
    return found


_THOUSANDTHS: Final = np.frombuffer(
    b"".join(b"%d.%03d\0\0\0" % divmod(each, 1_000) for each in range(1_001)), dtype="<u8"
)
_MILLIONTHS: Final = np.frombuffer(b"".join(b"\0\0\0\0\0%03d" % each for each in range(1_000)), dtype="<u8")


def _shares(run: Predictions, numbers: NDArray[np.uint64]) -> list[Piece]:
    """Write `probabilities`: an object, or an array where labels are no names of columns."""
    columns = run.contract.contract.labels_are_columns
    begin, middle, end = (b"{", b",", b"}") if columns else (b'[{"label":', b'},{"label":', b"}]")
    pieces: list[Piece] = []
    for label, column in zip(run.labels, numbers.T, strict=True):
        between = middle if pieces else begin
        pieces += (between + orjson.dumps(label) + (b":" if columns else b',"share":'), column)
    return [*pieces, end]


def _flags(said: TablePredictions) -> Piece:
    """Write `out_of_distribution` and `missing`: few different ones, so each is written once."""
    run, lacking = said.answers, said.lacking
    far = (
        np.zeros(len(lacking), dtype=np.bool_) if run.out_of_distribution is None else run.out_of_distribution
    )
    if not lacking.any():
        return padded([_flag(0, run), _flag(1, run)]).take(far)
    codes, which = _distinct(lacking, far)
    return padded([_flag(code, run) for code in codes]).take(which)


def _flag(code: int, run: Predictions) -> bytes:
    outlier = b"null" if run.out_of_distribution is None else b"true" if code & 1 else b"false"
    missing = [name for nth, name in enumerate(run.contract.names) if code >> nth & 2]
    return b'%b,"missing":%b' % (outlier, orjson.dumps(missing))


_COUNTED_BITS: Final = 12
"""Features of which all patterns are counted in less time than the rows are put into a dictionary."""


def _distinct(lacking: NDArray[np.bool_], flags: NDArray[np.bool_]) -> tuple[list[int], NDArray[np.intp]]:
    """The different codes of rows (n, features), and the place of each row's code among them (n,).

    Bit 0 of a code is the row's flag, bit i + 1 whether it lacks feature i.
    """
    width = lacking.shape[1]
    if width <= _COUNTED_BITS:
        codes = lacking @ _bits(width) + flags
        every = np.flatnonzero(np.bincount(codes))
        return every.tolist(), np.searchsorted(every, codes)
    packed = np.packbits(np.ascontiguousarray(np.column_stack((flags, lacking))), axis=1, bitorder="little")
    known: dict[bytes, int] = {}
    rows = packed.view(f"V{packed.shape[1]}")[:, 0].tolist()
    which = [known.setdefault(row, len(known)) for row in rows]
    return [int.from_bytes(row, "little") for row in known], np.array(which)


@cache
def _bits(width: int) -> NDArray[np.int64]:
    return 2 << np.arange(width)
