"""Dialect: how a text writes its rows, found by looking at its beginning."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.cells.reader import CellReader
from rookery.publisher.files.forms.blocks import MAX_LINE
from rookery.publisher.files.forms.header_row import FIRST_ROWS, MOST_ROWS, header_row, merit, remarked, taken
from rookery.publisher.files.forms.recognition import is_arff
from rookery.publisher.files.forms.records import Record, RowShape, records, spaced, split
from rookery.publisher.files.options import quoted
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rookery.publisher.files.columns.names import FieldNames
    from rookery.publisher.files.options import FileOptions
    from rookery.publisher.files.scan import FileScan

DELIMITERS: Final = (",", ";", "\t", "|", " ")
_SAMPLED: Final = 1_000
_SEP: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"\s*@attribute\s+('[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_DATA: Final = "@data"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How rows are written, the header, the line that it stands in (from 1), and the place behind it in the text's UTF-8.

    `next_line` is the line of the first row, and `sample` the first rows.
    """

    shape: RowShape
    header: tuple[str, ...]
    header_line: int
    start: int
    next_line: int
    remarks: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...] = ()
    hint: str = ""


def dialect_of(file: str, scan: FileScan, names: FieldNames, options: FileOptions) -> Dialect:
    """Recognise a dialect; raises BadFileError where there is no header."""
    try:
        text = _text(scan, options.encoding or scan.encoding)
    except UnicodeError as error:
        raise BadFileError(
            file, Reason(field="--encoding", rule=f"it is not written in that: {error}")
        ) from None
    lines = text.split("\n")
    if is_arff(text):
        return _sampled(_arff(lines), lines)
    quoted = '"' in text
    every = list(islice(records([each.strip("\r") for each in lines], MAX_LINE, quoted=quoted), _SAMPLED))
    sep = _SEP.fullmatch(every[0].text.removeprefix("\ufeff")) if every else None
    after = options.skip if options.skip is not None else (every[0].next if sep else 0)
    found = [each for each in every if each.line >= after]
    if not found:
        rule = "a line with the names of the columns is needed"
        raise BadFileError(file, Reason(field="header", rule=rule))
    delimiter = options.delimiter or _delimiter(found, names, options, sep[1] if sep else None)
    rows = [_cells(each, delimiter) for each in found]
    nth = 0 if options.skip is not None else header_row(rows, names, options.mapping)
    chosen = found[nth]
    header = _header(file, chosen, delimiter)
    start = len("".join(f"{line}\n" for line in lines[: chosen.next]).encode())
    made = Dialect(
        shape=RowShape(delimiter, len(header)),
        header=tuple(header),
        header_line=chosen.line + 1,
        start=min(start, len(text.encode())),
        next_line=chosen.next + 1,
        remarks=(*remarked(chosen.line + 1, nth), *_read_as(scan, options)),
        hint="; ".join(
            [
                taken(chosen.line + 1, options.skip),
                *(_other_sign(chosen.text, names, options) if len(header) == 1 else ()),
                *_read_as(scan, options),
            ]
        ),
    )
    return _sampled(_shaped(made, found[nth + 1 :], names), lines)


def _text(scan: FileScan, encoding: str) -> str:
    """The beginning of a file; a byte order mark stays, for places count it."""
    plain = "utf-8" if encoding == "utf-8-sig" else encoding
    text = codecs.getincrementaldecoder(plain)(errors="replace").decode(scan.head)
    return text.replace("\r", "\n") if scan.of_cr else text


def _header(file: str, chosen: Record, delimiter: str) -> list[str]:
    text = chosen.text.removeprefix("\ufeff")
    try:
        (cells,) = csv.reader([spaced(text, delimiter)], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise BadFileError(file, Reason(field="header", rule=f"CSV is needed: {error}")) from None
    return cells


def _cells(record: Record, delimiter: str) -> list[str]:
    text = spaced(record.text.removeprefix("\ufeff"), delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return [text]


def _delimiter(found: Sequence[Record], names: FieldNames, options: FileOptions, said: str | None) -> str:
    """The sign by which one of the first rows names most fields; in doubt the one that the file says, or stands in them most often."""

    def most(delimiter: str, rows: int) -> tuple[int, int]:
        every = [_cells(each, delimiter) for each in found[:rows]]
        named = max(merit(cells, names, options.mapping) for cells in every)
        return named, max(map(len, every)) if named or delimiter != " " else 0

    if said is not None and most(said, FIRST_ROWS)[0]:
        return said
    for rows in (FIRST_ROWS, MOST_ROWS):
        rated = {delimiter: most(delimiter, rows) for delimiter in DELIMITERS}
        best = max(rated, key=lambda each: rated[each])
        if rated[best][0]:
            return best
    return said or best


def _other_sign(text: str, names: FieldNames, options: FileOptions) -> list[str]:
    """Ask for a sign that is no usual delimiter, where it parts a header into names."""
    signs = {each for each in text if not each.isalnum() and each not in "_\"'().[] "}
    named = {sign: merit(text.split(sign), names, options.mapping) for sign in sorted(signs)}
    best = max(named, key=lambda sign: named[sign], default="")
    return (
        [f"--delimiter {quoted(best)} if that sign stands between its cells"]
        if named.get(best, 0) > 1
        else []
    )


def _read_as(scan: FileScan, options: FileOptions) -> list[str]:
    """Say that a text was read by an encoding that no byte of it can contradict."""
    if options.encoding or scan.encoding not in {"cp1252", "latin-1"}:
        return []
    return [
        f"it is not in UTF-8 and was read as {scan.encoding}; --encoding cp437 or another reads other letters"
    ]


def _shaped(made: Dialect, below: Sequence[Record], names: FieldNames) -> Dialect:
    """Allow for a column more than the header names: R's names of rows before it, or nothing behind it."""
    width = len(made.header)
    texts = [each.text for each in below[:FIRST_ROWS]]
    rows = [_cells(each, made.shape.delimiter) for each in below[:FIRST_ROWS]]
    if not rows or not all(len(cells) == width + 1 for cells in rows):
        return made
    if all(not cells[-1].strip() for cells in rows):
        return replace(made, shape=replace(made.shape, extra=True))
    quoted = all(text.startswith('"') for text in texts)
    if not _has_row_names(rows) or not (quoted or _names_fit(rows, made.header, names)):
        said = f"the header has {width} names, and each row {width + 1} cells"
        helps = "add the name that is missing, or quote cells that hold the delimiter"
        return replace(made, remarks=(*made.remarks, f"{said}: {helps}"))
    header = ("", *made.header)
    return replace(made, header=header, shape=replace(made.shape, width=width + 1))


def _has_row_names(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each row begins with a name of its own, as R's write.table writes it."""
    first = [cells[0].strip() for cells in rows]
    return len({*first}) == len(first) and all(first) and all(cells[-1] for cells in rows)


def _names_fit(rows: Sequence[Sequence[str]], header: Sequence[str], names: FieldNames) -> bool:
    """Whether cells fit the columns only if the first one of each row is its name: a decimal comma makes two cells of one, too."""
    reader, said = CellReader(names.contract), names.contract.contract
    fields = [names.understood(name) for name in header]
    words = {each.name: each.categories for each in said.features if each.categories}
    checks = [
        all(reader.label(cells[nth + 1].strip()) in said.labels for cells in rows)
        if field == said.target
        else all(reader.value(field, cells[nth + 1].strip()) in (None, *words[field]) for cells in rows)
        for nth, field in enumerate(fields)
        if field == said.target or field in words
    ]
    counted = [cells[0].strip() for cells in rows] == [str(nth) for nth in range(1, len(rows) + 1)]
    return any(checks) or (counted and fields[0] in names.contract.names)


def _sampled(made: Dialect, lines: Sequence[str]) -> Dialect:
    below = (each.strip("\r") for each in lines[made.next_line - 1 : made.next_line - 1 + _SAMPLED])
    found: Iterator[list[str] | Reason] = (
        split(each.text, made.shape) for each in records(list(below), MAX_LINE, quoted=True)
    )
    return replace(made, sample=tuple(tuple(cells) for cells in found if isinstance(cells, list)))


def _arff(lines: Sequence[str]) -> Dialect:
    """Read the attributes of Weka's own form, whose rows are CSV."""
    last = next((nth for nth, line in enumerate(lines) if line.strip().casefold() == _DATA), len(lines) - 1)
    names = [found[1].strip("'\"") for line in lines[:last] if (found := _ATTRIBUTE.match(line)) is not None]
    start = len("".join(f"{line}\n" for line in lines[: last + 1]).encode())
    return Dialect(RowShape(",", len(names)), tuple(names), last + 1, start, last + 2, ())
