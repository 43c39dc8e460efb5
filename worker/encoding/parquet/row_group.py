"""Row group: a table's predictions as pages, a column after the other, straight from the model's arrays.

pyarrow takes 1,300 us for the columns and the file of a thousand rows, most of it by column and none of it by row; this takes a fifth.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from struct import pack
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson

from rookery.schemas.contract.derived.bigquery import has_feature_columns
from rookery.worker.encoding.parquet.compact import text
from rookery.worker.encoding.parquet.levels import first_word, flags, pairs, same, texts, which_words
from rookery.worker.encoding.parquet.pages import ColumnPage
from rookery.worker.encoding.prediction_columns import DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.contract.feature import Feature
    from rookery.worker.decoding.table import DecodedColumns
    from rookery.worker.encoding.prediction_columns import PredictionColumns

    Compress = Callable[[bytes], bytes]


def pages(of: PredictionColumns, readings: DecodedColumns, compress: Compress) -> Iterator[ColumnPage]:
    """The pages of all columns, in the order of `file_schema`."""
    run, count = of.said.answers, len(of)
    shares = run.probabilities.astype(np.float64).round(DIGITS)
    yield ColumnPage(count, _identities(of, readings), compress=compress)
    yield _one(of.message.message_id, count)
    yield ColumnPage(count, of.rows.astype("<i8").tobytes(), same(1, count), compress=compress)
    yield _some_words(readings.device_id, count)
    yield _moments(readings.observed_at, count)
    yield _labels(run.label_indices, run.labels)
    yield ColumnPage(count, shares[np.arange(count), run.label_indices].tobytes())
    if run.contract.contract.labels_are_columns:
        for column in shares.T:
            yield ColumnPage(count, column.tobytes())
    else:
        yield from _listed_shares(shares, run.labels)
    yield _outliers(run.out_of_distribution, count)
    yield _missing(of.said.lacking, run.contract.names)
    yield _one(run.model, count)
    yield _nothing(count) if of.published_at is None else _moment(of.published_at, count, same(1, count))
    yield _moment(of.predicted_at, count, b"")
    yield from _features(of, readings, compress)


def _one(word: str, count: int) -> ColumnPage:
    """A text that all rows share."""
    return ColumnPage(count, first_word(count), words=[word.encode()])


def _nothing(count: int) -> ColumnPage:
    return ColumnPage(count, b"", same(0, count))


def _some_words(column: Sequence[str | None] | None, count: int) -> ColumnPage:
    """A column of few different texts, some of them absent."""
    if column is None:
        return _nothing(count)
    known: dict[str, int] = {}
    places = [known.setdefault(each, len(known)) for each in column if each is not None]
    if not known:
        return _nothing(count)
    levels = (
        same(1, count) if len(places) == count else flags(np.array([each is not None for each in column]))
    )
    values = which_words(np.array(places), len(known))
    return ColumnPage(count, values, levels, words=[each.encode() for each in known])


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _moments(column: Sequence[datetime | None] | None, count: int) -> ColumnPage:
    if column is None:
        return _nothing(count)
    known = [(each - _EPOCH) // _MICROSECOND for each in column if each is not None]
    levels = same(1, count) if len(known) == count else flags(np.array([each is not None for each in column]))
    return ColumnPage(count, np.array(known, "<i8").tobytes(), levels)


def _moment(moment: datetime, count: int, levels: bytes) -> ColumnPage:
    """A time that all rows share, as the only word of its page; readers know by `statistics` what to leave out."""
    ticks = pack("<q", (moment - _EPOCH) // _MICROSECOND)
    return ColumnPage(
        count,
        first_word(count),
        levels,
        words=[ticks],
        sized=False,
        statistics=text(5, ticks) + text(1, ticks),
    )


def _labels(places: NDArray[np.intp], labels: Sequence[str]) -> ColumnPage:
    return ColumnPage(len(places), which_words(places, len(labels)), words=[each.encode() for each in labels])


def _listed_shares(shares: NDArray[np.float64], labels: Sequence[str]) -> Iterator[ColumnPage]:
    """A list of label and share in each row."""
    count, width = shares.shape
    begins = np.ones((count, width), np.bool_)
    begins[:, 0] = False
    levels = flags(begins.ravel()) + same(1, count * width)
    names = np.tile(np.arange(width), count)
    yield ColumnPage(
        count * width, which_words(names, width), levels, words=[each.encode() for each in labels]
    )
    yield ColumnPage(count * width, shares.tobytes(), levels)


def _outliers(far: NDArray[np.bool_] | None, count: int) -> ColumnPage:
    if far is None:
        return _nothing(count)
    return ColumnPage(count, np.packbits(far, bitorder="little").tobytes(), same(1, count))


def _missing(lacking: NDArray[np.bool_], names: Sequence[str]) -> ColumnPage:
    """A list of names in each row, nearly always none."""
    rows, which = lacking.nonzero()
    if not len(which):
        count = len(lacking)
        return ColumnPage(count, b"", same(0, count) + same(0, count))
    lengths = np.maximum(np.bincount(rows, minlength=len(lacking)), 1)
    total = int(lengths.sum())
    begins = np.cumsum(lengths) - lengths
    inner, known = np.ones(total, np.bool_), np.ones(total, np.bool_)
    inner[begins] = False
    known[begins] = lacking.any(axis=1)
    values = which_words(which, len(names))
    return ColumnPage(total, values, flags(inner) + flags(known), words=[each.encode() for each in names])


def _identities(of: PredictionColumns, readings: DecodedColumns) -> bytes:
    own, message = readings.reading_id, of.message.identity
    if own is not None:
        rows = of.rows.tolist()
        return texts([(name or f"{message}/{row}").encode() for name, row in zip(own, rows, strict=True)])
    parts = []
    first = 0
    for digits in range(1, len(str(int(of.rows[-1]))) + 1):
        # The rows grow, so that those of as many digits are neighbours.
        end = int(np.searchsorted(of.rows, 10**digits))
        named = f"{message}/".encode()
        head = pack("<I", len(named) + digits) + named
        block = np.empty((end - first, len(head) + digits), np.uint8)
        block[:, : len(head)] = np.frombuffer(head, np.uint8)
        block[:, len(head) :] = _numbers(digits)[of.rows[first:end]]
        parts.append(block.tobytes())
        first = end
    return b"".join(parts)


@cache
def _numbers(digits: int) -> NDArray[np.uint8]:
    """All numbers of so many digits at most, written with as many (10^digits, digits)."""
    every = b"".join([b"%0*d" % (digits, each) for each in range(10**digits)])
    return np.frombuffer(every, np.uint8).reshape(-1, digits)


def _features(of: PredictionColumns, readings: DecodedColumns, compress: Compress) -> Iterator[ColumnPage]:
    """The features of rows that repeat them: a column each, or one of JSON where their names are no columns."""
    contract, count = of.said.answers.contract.contract, len(of)
    separate = has_feature_columns(contract)
    width = len(contract.features) if separate else 1
    if not of.featured:
        yield from [_nothing(count)] * width
        return
    rows = np.array(sorted(of.featured))
    if not separate:
        known = np.zeros(count, np.bool_)
        known[rows] = True
        written = texts(orjson.dumps(readings.features(nth)) for nth in rows.tolist())
        yield ColumnPage(count, written, flags(known), compress=compress)
        return
    for place, feature in enumerate(contract.features):
        cells = readings.exact[place, rows]
        unknown = np.isnan(cells)
        levels = np.zeros(count, np.uint8)
        levels[rows] = 2 - unknown
        values, words = _cells(feature, cells[~unknown])
        yield ColumnPage(count, values, pairs(levels), words=words, compress=compress)


def _cells(feature: Feature, cells: NDArray[np.float64]) -> tuple[bytes, Sequence[bytes] | None]:
    """The values of a feature as it was written, or the places of its words, and these."""
    if feature.numeric:
        return cells.tobytes(), None
    if feature.kind == "flag":
        return np.packbits(cells != 0, bitorder="little").tobytes(), None
    words = [each.encode() for each in feature.categories]
    return which_words(cells.astype(np.intp), len(words)), words
