"""ReadingFile: a file of measurements of any form, row by row: each is a reading, or a bad row with every reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery.publisher.files.cells.computed import MOST_ROWS, NumberRow, computed_rows
from rookery.publisher.files.cells.missing import stated
from rookery.publisher.files.cells.numbers import decimal_of
from rookery.publisher.files.cells.reader import CellReader
from rookery.publisher.files.cells.sums import SumWords
from rookery.publisher.files.columns.header import header_of
from rookery.publisher.files.columns.names import DATE, REJECTED, field_names
from rookery.publisher.files.file_profile import FileProfile
from rookery.publisher.files.forms.opened import opened
from rookery.publisher.files.options import FileOptions
from rookery.publisher.files.repeated_ids import identities
from rookery.publisher.files.row_reader import RowReader
from rookery.publisher.files.scan import scan
from rookery.publisher.files.source import FileSource
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.output.spreadsheet import unguarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rookery.publisher.files.bad_row import BadRow
    from rookery.publisher.files.forms.chunk import RowChunk, TableForm
    from rookery.publisher.files.resume.position import FilePosition
    from rookery.publisher.files.row_reader import ReadingRow
    from rookery.schemas.contract.compiled import CompiledContract

IDENTITIES: Final = ("reading_id", REJECTED[0])
"""Columns that give a row its identity, in order of precedence."""

_LEADING: Final = 3
"""Columns at the left in which people write what a row is."""


@dataclass(frozen=True, slots=True)
class Label:
    """The known answer to a reading, which the file has and the reading has not."""

    reading_id: str
    label: str


class ReadingFile:
    """A file with columns of a contract's features (the default one's where none is given), under any of their names.

    The reading_id of a row is what the file says, else `<digest12>-<row>`, with `id_prefix` `<id_prefix>-<digest12>-<row>`: sending the
    same file again sends the same readings. `options` say what the file does not.
    """

    def __init__(  # noqa: PLR0913  each is said by name
        self,
        source: FileSource | Path | str,
        *,
        id_prefix: str = "",
        device_id: str | None = None,
        mapping: Mapping[str, str] | None = None,
        contract: CompiledContract | None = None,
        options: FileOptions | None = None,
    ) -> None:
        self.contract = contract or default_compiled()
        self.names = field_names(self.contract)
        self.source = source if isinstance(source, FileSource) else FileSource.of(Path(source))
        self.device_id = device_id
        self.options = options or FileOptions(mapping=mapping or {})
        self._id_prefix = id_prefix

    @cached_property
    def _opened(self) -> tuple[FileProfile, TableForm]:
        seen = scan(self.source)
        form = opened(self.source, seen, self.names, self.options)
        columns = header_of(self.source.name, self.names, form.header, self.options, form.hint)
        profile = FileProfile(
            columns=columns,
            digest12=seen.digest12,
            rows=form.rows,
            header_line=form.header_line,
            delimiter=form.delimiter,
            encoding=form.encoding,
            remarks=tuple(form.remarks),
        )
        return profile, form

    @property
    def profile(self) -> FileProfile:
        """Read the file once before its rows; raises BadFileError with every reason, and OSError."""
        return self._opened[0]

    @property
    def places(self) -> Mapping[str, int]:
        """The column of each field."""
        return self.profile.columns.places

    @cached_property
    def cells(self) -> CellReader:
        """The reader of cells, as this file writes numbers."""
        style = self.options.numbers
        if not style.decimal and style.thousands != ",":
            numeric = [
                self.places[each.name]
                for each in self.contract.contract.features
                if each.numeric and each.name in self.places
            ]
            sample = self._opened[1].sample
            style = replace(style, decimal=decimal_of(cells[nth] for cells in sample for nth in numeric))
        return CellReader(self.contract, style, self.profile.columns.factors)

    @cached_property
    def reader(self) -> RowReader:
        """The reader of single rows."""
        return RowReader(self)

    @cached_property
    def repeated(self) -> Mapping[int, int]:
        """The rows that say an earlier row's reading_id, each with that row; raises as `profile` does.

        The file is read for it where it has a column of ids. Raises BadFileError where the column is no identity.
        """
        column = next((name for name in IDENTITIES if name in self.places), None)
        if column is None:
            return {}
        name = self.profile.columns.names[self.places[column]]
        return identities(self.source.name, self.stated_ids, self.line, name)

    def stated_ids(self) -> Iterator[tuple[Sequence[int], Sequence[str]]]:
        """The ids that the rows of each chunk state."""
        places = [self.places[name] for name in IDENTITIES if name in self.places]
        for chunk in self.chunks():
            names = [""] * len(chunk.rows)
            for place in places:
                cells = chunk.columns[place].to_pylist()
                names = [name or stated(cell or "") for name, cell in zip(names, cells, strict=True)]
            yield chunk.rows.tolist(), names

    def line(self, row: int) -> int:
        """The line of a row, from 1, as editors count; without a header the row's own number, from 1."""
        return self.profile.header_line + 1 + row

    @property
    def guarded(self) -> bool:
        """Whether this is a file of rejected rows, in which no cell is a formula."""
        return REJECTED[0] in self.places

    @cached_property
    def stem(self) -> str:
        """The prefix of the ids of this file's readings; their row follows."""
        return f"{self._id_prefix}-{self.profile.digest12}" if self._id_prefix else self.profile.digest12

    @cached_property
    def summed(self) -> Mapping[int, SumWords]:
        """The columns in which a row may say that it sums up others: labels, categories, and the first ones."""
        said, names = self.contract.contract, self.profile.columns.names
        known = {each.name: frozenset(each.categories) for each in said.features}
        numeric = {self.places.get(each.name) for each in said.features if not each.categories}
        summed = {
            place: SumWords(of_labels=not place and not names[place])
            for place in range(min(len(names), _LEADING))
            if place not in numeric
        }
        summed |= {
            self.places[name]: SumWords(words)
            for name, words in known.items()
            if words and name in self.places
        }
        label = self.places.get(self.names.target)
        return summed if label is None else summed | {label: SumWords(frozenset(said.labels), of_labels=True)}

    @cached_property
    def computed(self) -> Mapping[int, str]:
        """The rows that are the `sum` or the `mean` of those above without a word that says so, in a small file; raises as `profile` does."""
        if self.guarded or self.profile.rows > MOST_ROWS:
            return {}
        said = self.contract.contract
        numeric = [
            self.places[each.name]
            for each in said.features
            if each.numeric and not each.date_part and each.name in self.places
        ]
        return computed_rows([row for chunk in self.chunks() for row in self._number_rows(chunk, numeric)])

    def _number_rows(self, chunk: RowChunk, numeric: Sequence[int]) -> Iterator[NumberRow]:
        """The rows of a chunk that hold anything, but for those that say that they sum up others."""
        columns = {
            place: [(cell or "").strip() for cell in each.to_pylist()]
            for place, each in chunk.columns.items()
        }
        label, labels = self.places.get(self.names.target), {*self.contract.contract.labels}
        for nth, row in enumerate(chunk.rows.tolist()):
            cells = [columns[place][nth] for place in numeric]
            if any(cells) and not any(said.says(columns[place][nth]) for place, said in self.summed.items()):
                named = label is not None and self.cells.label(columns[label][nth]) in labels
                yield NumberRow(row, cells, [self.cells.style.read(cell) for cell in cells], named)

    def chunks(self, begin: FilePosition | None = None) -> Iterator[RowChunk]:
        """Read on from a place, the columns of fields and those of `summed`."""
        wanted = {*self.places.values(), *self.summed}
        for chunk in self._opened[1].chunks(wanted, begin):
            yield self._unguarded(chunk) if self.guarded else chunk

    def texts(self) -> Iterator[RowChunk]:
        """Read every column as it is."""
        yield from self._opened[1].chunks(range(len(self.profile.columns.names)), None)

    def _unguarded(self, chunk: RowChunk) -> RowChunk:
        import pyarrow as pa  # noqa: PLC0415  no device needs it

        columns: dict[int, Any] = {
            place: pa.array([cell and unguarded(cell) for cell in column.to_pylist()], pa.string())
            for place, column in chunk.columns.items()
        }
        return replace(chunk, columns=columns)

    def rows(self) -> Iterator[ReadingRow | BadRow]:
        """Read row by row; raises as `profile` does."""
        for chunk in self.chunks():
            yield from self.reader.every(chunk)

    def labels(self) -> Iterator[Label]:
        """Yield what the column of labels says, of readings that may be sent or not; raises as `profile` does."""
        place = self.places.get(self.names.target)
        if place is None:
            return
        for chunk in self.chunks():
            for nth, cell in enumerate(chunk.columns[place].to_pylist()):
                known = self.cells.label((cell or "").strip())
                if known is not None:
                    yield Label(reading_id=self.reader.identity(chunk, nth), label=known)

    @property
    def taken(self) -> dict[str, int]:
        """The column of each feature and identity field but the reading_id."""
        places = self.places
        taken = {
            name: places[name] for name in self.contract.members if name in places and name != "reading_id"
        }
        dated = self.names.dated
        return taken if dated is None or DATE not in places else taken | {dated: places[DATE]}
