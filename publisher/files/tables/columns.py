"""ColumnEncoder: the columns of a chunk as the JSON of their cells, and the rows in which something is not plainly right.

Plain numbers are checked and kept as they are written, a whole column at a time. Other cells are read by the CellReader that reads
single rows, each different text once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from rookery.publisher.files.cells.missing import LIKELY_CODES, WRITTEN, missing, stated
from rookery.publisher.files.columns.names import REJECTED
from rookery.schemas.contract.types import IDENTITY_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rookery.publisher.files.forms.chunk import RowChunk
    from rookery.publisher.files.reading_file import ReadingFile
    from rookery.schemas.contract.feature import Feature

Flags = "NDArray[np.bool_]"

_REMEMBERED: Final = 10_000
"""Different cells of a column that are remembered."""

_WHOLE: Final = r"^-?(?:0|[1-9][0-9]{0,14})$"
_PLAIN: Final = r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,17})?$"
_COMMA: Final = r"^-?(?:0|[1-9][0-9]{0,14})(?:,[0-9]{1,17})?$"
_MISSING: Final = pa.array(WRITTEN, pa.string())
_CODES: Final = pa.array(LIKELY_CODES, pa.string())
_TEXT: Final = '"'
_WORDED: Final = "^[^0-9]{2,40}$"
_NAMED: Final = "[^0-9]"
"""Cells that may say that their row sums up others, and those that may in a column of labels or of names of rows."""


@dataclass(frozen=True, slots=True)
class EncodedColumns:
    """The JSON of the cells of each field, null where one is missing, and the rows (by position) that must be read alone."""

    json: dict[str, Any]
    odd: NDArray[np.bool_]


@dataclass(slots=True)
class Counts:
    """Counts of what the user should know: texts by field, and how many rows have them."""

    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    codes: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, of: dict[str, Counter[str]], name: str, text: str, rows: int) -> None:
        """Count some rows."""
        of.setdefault(name, Counter())[text] += rows


class ColumnEncoder:
    """Encodes the chunks of one file; `counts` grow with each."""

    def __init__(self, file: ReadingFile) -> None:
        """Prepare what reads each column."""
        self.counts = Counts()
        self._file = file
        said = file.contract.contract
        self._features = {each.name: each for each in said.features}
        self._takes_unknown = {each.name for each in said.features if said.takes_unknown(each)}
        self._labels = frozenset(said.labels)
        self._checks = {name: TypeAdapter(kind) for name, kind in IDENTITY_TYPES.items()}
        self._read: dict[str, dict[str | None, tuple[str | None, bool]]] = {}
        self._sums: dict[int, dict[str, bool]] = {}

    def encode(self, chunk: RowChunk) -> EncodedColumns:
        """Encode a chunk."""
        rows = len(chunk.rows)
        json: dict[str, Any] = {}
        odd = np.zeros(rows, dtype=bool)
        for name, place in self._file.taken.items():
            json[name], wrong = self._column(name, chunk.columns[place])
            if wrong is not None:
                odd |= wrong
        odd |= self._lacking(json, rows)
        if self._file.device_id is not None and "device_id" not in json:
            json["device_id"] = pa.repeat(to_json(self._file.device_id).decode(), rows)
        json["reading_id"], wrong = self._identities(chunk)
        odd = odd if wrong is None else odd | wrong
        for place in self._file.summed:
            odd |= self._summing(place, chunk.columns[place])
        if (label := self._file.places.get(self._file.names.target)) is not None:
            self._count_labels(chunk.columns[label])
        for rows_apart in (self._file.repeated, self._file.computed):
            if rows_apart:
                odd |= np.isin(chunk.rows, list(rows_apart))
        return EncodedColumns(json, odd)

    def _lacking(self, json: dict[str, Any], rows: int) -> NDArray[np.bool_]:
        """Rows without a feature that each needs, or one of a group."""
        contract, odd = self._file.contract, np.zeros(rows, dtype=bool)
        for group in (*contract.groups, *((name,) for name in contract.required)):
            empty = np.ones(rows, dtype=bool)
            for name in group:
                if name in json:
                    empty &= _flags(pc.is_null(json[name]))
            odd |= empty
        return odd

    def _column(self, name: str, cells: Any) -> tuple[Any, NDArray[np.bool_] | None]:
        feature = self._features.get(name)
        if feature is not None and feature.numeric and not feature.date_part:
            return self._numbers(feature, cells)
        return self._words(name, cells)

    def _numbers(self, feature: Feature, cells: Any) -> tuple[Any, NDArray[np.bool_] | None]:
        style = self._file.cells.style
        comma = style.decimal == ","
        known = pc.if_else(pc.is_in(cells, value_set=_MISSING), pa.scalar(None, pa.string()), cells)
        plain = pc.match_substring_regex(
            known, _WHOLE if feature.kind == "integer" else _COMMA if comma else _PLAIN
        )
        if not style.plain:
            plain = pc.and_(plain, pc.invert(pc.match_substring_regex(known, r"\.[0-9]{3}$")))
        if style.missing:
            plain = pc.and_(plain, pc.invert(pc.is_in(known, value_set=pa.array(style.missing, pa.string()))))
        texts = pc.replace_substring(known, ",", ".") if comma else known
        every = pc.all(plain, min_count=0).as_py()
        numbers = pc.cast(
            texts if every else pc.if_else(plain, texts, pa.scalar(None, pa.string())), pa.float64()
        )
        times = self._file.cells.factors.get(feature.name, 1)
        if times != 1:
            made = [None if each is None else float(f"{each * times:.12g}") for each in numbers.to_pylist()]
            numbers = pa.array(made, pa.float64())
            texts = pc.cast(numbers, pa.string())
        least, most, _ = feature.range
        bounds = pc.min_max(numbers)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        within = low is None or (least <= low and high <= most)
        if every and within:
            self._count_codes(feature.name, known)
            return texts, None
        good = pc.and_(pc.greater_equal(numbers, least), pc.less_equal(numbers, most))
        self._count_codes(feature.name, known.filter(good))
        rest = _flags(pc.and_not(pc.is_valid(known), pc.fill_null(good, False)))
        return self._rest(feature.name, texts, known, rest)

    def _rest(
        self, name: str, texts: Any, cells: Any, rest: NDArray[np.bool_]
    ) -> tuple[Any, NDArray[np.bool_]]:
        """Read the cells that are not plain numbers one by one, each text once."""
        json, wrong = self._words(name, cells.filter(pa.array(rest)))
        odd = np.zeros(len(rest), dtype=bool)
        odd[rest] = False if wrong is None else wrong
        return pc.replace_with_mask(texts, pa.array(rest), json), odd

    def _words(self, name: str, cells: Any) -> tuple[Any, NDArray[np.bool_] | None]:
        """Read each different text once."""
        coded = cells.dictionary_encode()
        texts = coded.dictionary.to_pylist()
        known = self._read.setdefault(name, {})
        if len(known) > _REMEMBERED:
            known.clear()
        found = [known.get(text) or known.setdefault(text, self._cell(name, text)) for text in texts]
        json = pa.array([each for each, _ in found], pa.string()).take(coded.indices)
        odd = [wrong for _, wrong in found]
        if name in self._takes_unknown:
            self._count_unknown(name, texts, coded)
        if not any(odd):
            return json, None
        places = np.asarray(coded.indices.fill_null(len(odd)))
        return json, np.array([*odd, False])[places]

    def _cell(self, name: str, text: str | None) -> tuple[str | None, bool]:
        """The JSON of a cell, null where it is missing, and whether its row has to be read alone."""
        value = self._file.cells.value(name, (text or "").strip())
        if value is None:
            return None, False
        feature = self._features.get(name)
        if feature is None:
            try:
                self._checks[name].validate_json(to_json(value))
            except ValidationError:
                return None, True
        elif not (feature.possible(value) or (name in self._takes_unknown and isinstance(value, str))):
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not (whole and feature.kind == "number" and feature.possible(float(value))):
                return None, True
        return to_json(value).decode(), False

    def _identities(self, chunk: RowChunk) -> tuple[Any, NDArray[np.bool_] | None]:
        stem = to_json(f"{self._file.stem}-").decode().removesuffix(_TEXT)
        numbers = pc.cast(pa.array(chunk.rows), pa.string())
        names = pc.binary_join_element_wise(stem, numbers, "", "").cast(pa.string())
        names = pc.binary_join_element_wise(names, _TEXT, "")
        odd: NDArray[np.bool_] | None = None
        for column in (REJECTED[0], "reading_id"):
            place = self._file.places.get(column)
            if place is None:
                continue
            found = [self._identity(text) for text in chunk.columns[place].to_pylist()]
            said = pa.array([each for each, _ in found], pa.string())
            wrong = np.array([each for _, each in found], dtype=bool)
            odd = wrong if odd is None else odd | wrong
            names = pc.coalesce(said, names)
        return names, odd

    def _identity(self, text: str | None) -> tuple[str | None, bool]:
        said = stated(text or "")
        if not said:
            return None, False
        try:
            self._checks["reading_id"].validate_python(said)
        except ValidationError:
            return None, True
        return to_json(said).decode(), False

    def _summing(self, place: int, cells: Any) -> NDArray[np.bool_]:
        """The rows in which a cell says that they sum up others, each different text asked once."""
        words, known = self._file.summed[place], self._sums.setdefault(place, {})
        if len(known) > _REMEMBERED:
            known.clear()
        coded = cells.dictionary_encode()
        # Ids and numbers of rows, most of them different, need no check of each.
        likely = _flags(pc.match_substring_regex(coded.dictionary, _NAMED if words.of_labels else _WORDED))
        said_so = [
            may and (known[text] if text in known else known.setdefault(text, words.says(text)))
            for text, may in zip(coded.dictionary.to_pylist(), likely.tolist(), strict=True)
        ]
        if not any(said_so):
            return np.zeros(len(cells), dtype=bool)
        rows: NDArray[np.bool_] = np.array([*said_so, False])[
            np.asarray(coded.indices.fill_null(len(said_so)))
        ]
        return rows

    def _count_labels(self, cells: Any) -> None:
        coded = cells.dictionary_encode()
        labels = [self._file.cells.label((text or "").strip()) for text in coded.dictionary.to_pylist()]
        sums = self._file.summed[self._file.places[self._file.names.target]]
        odd = [
            label is not None and label not in self._labels and not sums.says(text)
            for label, text in zip(labels, coded.dictionary.to_pylist(), strict=True)
        ]
        self._count(self.counts.unknown, self._file.names.target, coded, [str(each) for each in labels], odd)

    def _count_unknown(self, name: str, texts: Sequence[str], coded: Any) -> None:
        values = [self._file.cells.value(name, (text or "").strip()) for text in texts]
        odd = [isinstance(value, str) and value not in self._features[name].categories for value in values]
        self._count(self.counts.unknown, name, coded, texts, odd)

    def _count_codes(self, name: str, cells: Any) -> None:
        likely = pc.is_in(cells, value_set=_CODES)
        if pc.any(likely).as_py():
            for each in pc.value_counts(cells.filter(likely)).to_pylist():
                if not missing(each["values"], self._file.cells.style.missing):
                    self.counts.add(self.counts.codes, name, each["values"], each["counts"])

    def _count(
        self, of: dict[str, Counter[str]], name: str, coded: Any, texts: Sequence[str], odd: Sequence[bool]
    ) -> None:
        if any(odd):
            counts = np.bincount(np.asarray(coded.indices.drop_null()), minlength=len(texts))
            for text, wrong, rows in zip(texts, odd, counts.tolist(), strict=True):
                if wrong and rows:
                    self.counts.add(of, name, text, rows)


def _flags(values: Any) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=bool)
