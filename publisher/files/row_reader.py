"""RowReader: one row of a chunk by itself, as a reading or with every reason against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import ValidationError
from pydantic_core import to_json

from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.cells.missing import missing, stated
from rookery.publisher.files.cells.questions import question
from rookery.publisher.files.columns import units
from rookery.publisher.files.columns.names import REJECTED
from rookery.publisher.files.forms.blocks import MAX_LINE
from rookery.schemas.rejection import Reason, capped, rule_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

    from rookery.publisher.files.cells.reader import CellReader
    from rookery.publisher.files.cells.sums import SumWords
    from rookery.publisher.files.columns.names import FieldNames
    from rookery.publisher.files.file_profile import FileProfile
    from rookery.publisher.files.forms.chunk import BrokenRow, RowChunk
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.reading_classes import AnyReading


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One usable row: its line in the file (from 1), its number below the header (from 0), its label."""

    reading: AnyReading
    line: int
    row: int
    label: str | None = None


TYPES: Final = frozenset(
    [
        "number",
        "numeric",
        "double",
        "dbl",
        "float",
        "real",
        "decimal",
        "int",
        "integer",
        "float64",
        "float32",
        "int64",
        "int32",
        "bigint",
        "long",
    ]
)
"""Words for the types of columns, which some programs write below their names."""

SUMS_UP: Final = "a row that sums up others is no reading"
MARK: Final = "\ufeff"
"""The byte order mark of a file that was appended to another."""


class ReadFile(Protocol):
    """The parts of a file that a row is read by; see ReadingFile."""

    contract: CompiledContract
    names: FieldNames
    device_id: str | None

    @property
    def profile(self) -> FileProfile: ...  # noqa: D102  see ReadingFile
    @property
    def cells(self) -> CellReader: ...  # noqa: D102  the same
    @property
    def places(self) -> Mapping[str, int]: ...  # noqa: D102  the same
    @property
    def taken(self) -> Mapping[str, int]: ...  # noqa: D102  the same
    @property
    def summed(self) -> Mapping[int, SumWords]: ...  # noqa: D102  the same
    @property
    def computed(self) -> Mapping[int, str]: ...  # noqa: D102  the same
    @property
    def repeated(self) -> Mapping[int, int]: ...  # noqa: D102  the same
    @property
    def stem(self) -> str: ...  # noqa: D102  the same
    def line(self, row: int) -> int: ...  # noqa: D102  the same


class RowReader:
    """Reads the rows of a file one by one."""

    def __init__(self, file: ReadFile) -> None:
        self._file = file
        self._features = {each.name: each for each in file.contract.contract.features}

    def every(self, chunk: RowChunk) -> Iterator[ReadingRow | BadRow]:
        """Read all rows of a chunk in their order, blank ones left out."""
        found = [each for nth in range(len(chunk.rows)) if (each := self.read(chunk, nth)) is not None]
        yield from sorted([*found, *map(self.broken, chunk.broken)], key=lambda each: each.line)

    def broken(self, row: BrokenRow) -> BadRow:
        """A row that has no cells."""
        return BadRow(
            line=self._file.line(row.row),
            reasons=(row.reason,),
            text=row.text,
            reading_id=f"{self._file.stem}-{row.row}",
        )

    def identity(self, chunk: RowChunk, nth: int) -> str:
        """The id that the file states for a row, or stated when it was rejected; else its number in this file."""
        for name in ("reading_id", REJECTED[0]):
            place = self._file.places.get(name)
            if place is not None and (said := stated(chunk.columns[place][nth].as_py() or "")):
                return said
        return f"{self._file.stem}-{chunk.rows[nth]}"

    def read(self, chunk: RowChunk, nth: int) -> ReadingRow | BadRow | None:
        """Read a row; None where it is blank."""
        file = self._file
        row = int(chunk.rows[nth])
        cells = {place: (column[nth].as_py() or "").strip() for place, column in chunk.columns.items()}
        text = chunk.text(nth)
        if not any(cells.values()) and not any(each.isalnum() for each in text):
            return None
        line, name = file.line(row), self.identity(chunk, nth)
        if (other := self._other(row, cells)) is not None:
            return BadRow(line, (other,), text[:MAX_LINE], name)
        because, questions = list[Reason](), dict[str, str]()
        reading = self._reading(cells, name, because, questions)
        if (first := file.repeated.get(row)) is not None:
            rule = f"line {file.line(first)} has it too, and each row needs its own"
            because.append(Reason(field="reading_id", rule=rule))
        if because or reading is None:
            return BadRow(line, capped(because), text[:MAX_LINE], name, questions)
        place = file.places.get(file.names.target)
        label = None if place is None else file.cells.label(cells[place])
        return ReadingRow(reading=reading, line=line, row=row, label=label)

    def _other(self, row: int, cells: Mapping[int, str]) -> Reason | None:
        """Say what a row is that is no reading at all; its cells need no reasons of their own."""
        file = self._file
        for place, words in file.summed.items():
            if words.says(cells[place]):
                return Reason(field="row", rule=SUMS_UP, value=shown(cells[place]))
        if (of := file.computed.get(row)) is not None:
            return Reason(field="row", rule=f"{SUMS_UP}: each of its numbers is the {of} of those above")
        names = file.profile.columns.names
        if all(" ".join(cells[place].strip(MARK).split()) == names[place] for place in file.places.values()):
            return Reason(field="row", rule="the names of the columns once more are no reading")
        numeric = [
            cells[file.taken[name]]
            for name, each in self._features.items()
            if each.numeric and name in file.taken
        ]
        written = [cell.strip("()[]<>") for cell in numeric if not missing(cell)]
        for known, what in ((units.known, "units"), (TYPES.__contains__, "types")):
            if written and all(known(cell) for cell in written):
                return Reason(field="row", rule=f"a row of {what} is no reading")
        return None

    def _reading(
        self, cells: Mapping[int, str], name: str, because: list[Reason], questions: dict[str, str]
    ) -> AnyReading | None:
        file = self._file
        taken = file.taken
        fields: dict[str, Any] = {"device_id": file.device_id}
        fields |= {each: file.cells.value(each, cells[place]) for each, place in taken.items()}
        fields["reading_id"] = name
        known = {each: value for each, value in fields.items() if value is not None}
        try:
            # As JSON, where strict means what it says there: a time is a text.
            return file.contract.reading.model_validate_json(to_json(known, inf_nan_mode="constants"))
        except ValidationError as error:
            for each in error.errors(include_url=False):
                because.append(self._reason(each, cells, taken))
                self._ask(str(each["loc"][0]) if each["loc"] else "", cells, questions)
        return None

    def _reason(self, error: ErrorDetails, cells: Mapping[int, str], taken: Mapping[str, int]) -> Reason:
        """Say an error with the cell as it was written."""
        field = str(error["loc"][0]) if error["loc"] else "reading"
        if not error["loc"] or error["type"] == "missing":
            return Reason(field=field, rule=rule_of(error))
        written = cells[taken[field]] if field in taken else error["input"]
        return Reason(field=field, rule=rule_of(error), value=shown(written))

    def _ask(self, field: str, cells: Mapping[int, str], questions: dict[str, str]) -> None:
        file = self._file
        feature, place = self._features.get(field), file.taken.get(field)
        if feature is None or place is None or missing(cells[place]):
            return
        column = file.profile.columns.names[place]
        asked = question(
            cells[place], feature, file.cells.style, column, file.profile.columns.factors.get(field, 1)
        )
        if asked:
            questions[field] = asked
