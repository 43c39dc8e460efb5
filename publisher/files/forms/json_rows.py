"""JsonRows: a file of JSON as rows: one object a line, an array of objects, or columns as pandas writes them."""

from __future__ import annotations

import json
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.forms.rows_in_memory import chunks_of
from rookery.publisher.files.stream.json_array import BrokenArrayError, JsonArray
from rookery.publisher.files.stream.lines import Line, begin, lines
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import TextIO

    from rookery.publisher.files.forms.chunk import RowChunk
    from rookery.publisher.files.resume.position import FilePosition
    from rookery.publisher.files.source import FileSource

_LONGEST: Final = 9_000_000
_WHOLE: Final = 100_000_000
"""Bytes of a file that is one object, which has to be read whole."""

_SAMPLED: Final = 1_000
_RECORDS: Final = ("data", "records", "rows", "items", "results", "features", "value")
"""Names under which programs wrap an array of rows."""

Row = dict[str, Any]


class JsonRows:
    """A file of JSON; see TableForm. A row's number is its position among the rows."""

    delimiter = ","
    encoding = "utf-8"
    header_line = 0
    remarks: Sequence[str] = ()
    hint = ""

    def __init__(self, source: FileSource, encoding: str) -> None:
        """Read the file once for the names of all its objects; raises BadFileError and OSError."""
        self._source = source
        self._encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        names: dict[str, None] = {}
        self.rows = 0
        sample: list[Row] = []
        for row in self._objects():
            names.update(dict.fromkeys(row))
            self.rows += 1
            if len(sample) < _SAMPLED:
                sample.append(row)
        self.header = list(names)
        self.sample = [[_text(row.get(name)) or "" for name in names] for row in sample]

    def chunks(self, places: Collection[int], begin: FilePosition | None = None) -> Iterator[RowChunk]:
        """Read on from a place; see TableForm."""
        rows = ([_text(row.get(name)) for name in self.header] for row in self._objects())
        yield from chunks_of(rows, places, begin)

    def _objects(self) -> Iterator[Row]:
        with self._source.open() as raw:
            stream = TextIOWrapper(raw, encoding=self._encoding, errors="replace", newline=None)
            first = begin(stream)
            if first.text == "[":
                yield from self._array(stream, first)
            else:
                yield from self._lines(stream, first)

    def _array(self, stream: TextIO, first: Line) -> Iterator[Row]:
        try:
            for element in JsonArray(stream, after=Line(first.number, "["), limit=_LONGEST).elements():
                yield self._row(from_json(element.text), element.number)
        except BrokenArrayError as error:
            raise self._wrong(f"line {error.line}: {error}") from None

    def _lines(self, stream: TextIO, first: Line) -> Iterator[Row]:
        begun = first.text + stream.readline(_LONGEST)
        try:
            value = from_json(begun)
        except ValueError:
            yield from self._one(begun, stream)
            return
        rest = lines(stream, _LONGEST, Line(first.number + 1, ""))
        following = next(rest, None)
        if following is None:
            yield from self._records(value)
            return
        yield self._row(value, first.number)
        for line in (following, *()):
            yield self._parsed(line)
        for line in rest:
            yield self._parsed(line)

    def _parsed(self, line: Line) -> Row:
        try:
            return self._row(from_json(line.text), line.number)
        except ValueError as error:
            raise self._wrong(f"line {line.number}: JSON is needed: {error}") from None

    def _one(self, begun: str, stream: TextIO) -> Iterator[Row]:
        """Read an object that is written over several lines."""
        text = begun + stream.read(_WHOLE)
        if len(text) >= _WHOLE:
            raise self._wrong("one object a line is needed in so large a file")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._wrong(f"JSON is needed, an object a line or an array of them: {error}") from None
        yield from self._records(value)

    def _records(self, value: Any) -> Iterator[Row]:
        """The rows of one object: itself, those that it wraps, or columns."""
        if not isinstance(value, dict):
            raise self._wrong("objects are needed, each a row")
        if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
            for cells in value["data"]:
                yield dict(zip(map(str, value["columns"]), cells, strict=False))
            return
        for name in _RECORDS:
            wrapped = value.get(name)
            if isinstance(wrapped, list) and wrapped and all(isinstance(each, dict) for each in wrapped):
                yield from (each.get("properties") or each for each in wrapped)
                return
        if value and all(isinstance(each, list | dict) for each in value.values()):
            yield from self._columns(value)
            return
        yield self._row(value, 1)

    def _columns(self, value: Mapping[str, Any]) -> Iterator[Row]:
        columns = {
            name: list(cells.values()) if isinstance(cells, dict) else cells for name, cells in value.items()
        }
        if len({len(cells) for cells in columns.values()}) > 1:
            lengths = ", ".join(f"{name} {len(cells)}" for name, cells in columns.items())
            raise self._wrong(f"columns of equal length are needed; these have: {lengths}")
        for cells in zip(*columns.values(), strict=True):
            yield dict(zip(columns, cells, strict=True))

    def _row(self, value: Any, line: int) -> Row:
        if not isinstance(value, dict):
            raise self._wrong(f"line {line}: an object is needed, a row each")
        if value and all(isinstance(each, list) for each in value.values()):
            raise self._wrong(f"line {line} is a table: rookery publish stream FILE sends such lines")
        return value

    def _wrong(self, rule: str) -> BadFileError:
        return BadFileError(self._source.name, Reason(field="file", rule=rule))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value)
