"""Rows: a frame cut into tables of columns, each row validated by the contract as a worker validates it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.frames.cells import ColumnCells
from rookery.frames.errors import BadFrameError
from rookery.frames.libraries import library
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.columns.header import header_of
from rookery.publisher.files.columns.names import DATE, field_names
from rookery.publisher.files.options import FileOptions
from rookery.schemas.codec import DecodedTable, decode_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pandas import DataFrame

    from rookery.schemas.contract.compiled import CompiledContract

READING_ID: Final = "reading_id"
VALIDATED_ROWS: Final = 1_000
"""Rows that are validated at once: of so many refused rows each names every reason."""


@dataclass(frozen=True, slots=True)
class FrameRows:
    """A frame, its contract, and the column of each field; `places` maps a field to its position in the frame.

    `factors` are what numbers are multiplied by whose column is in another unit than the contract's, by field.
    """

    frame: DataFrame
    places: Mapping[str, int]
    contract: CompiledContract
    factors: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, frame: Any, contract: CompiledContract, mapping: Mapping[str, str] | None = None
    ) -> FrameRows:
        """Read the names of the columns as the CSV reader does; raises BadFrameError, and TypeError for no frame."""
        if not isinstance(frame, library("pandas").DataFrame):
            raise TypeError(f"a pandas DataFrame is needed, not {type(frame).__name__}")
        try:
            names = [str(name) for name in frame.columns]
            header = header_of("frame", field_names(contract), names, FileOptions(mapping=mapping or {}))
        except BadFileError as error:
            raise BadFrameError(error.reasons) from None
        return cls(frame, header.places, contract, header.factors)

    @property
    def stated(self) -> Any:
        """The column of the readings' own identities; None where there is none."""
        return self.frame.iloc[:, self.places[READING_ID]] if READING_ID in self.places else None

    def only(self, name: str) -> FrameRows:
        """The same rows with the column of one field."""
        return replace(self, places={name: self.places[name]})

    def chunks(self, size: int = VALIDATED_ROWS) -> Iterator[tuple[int, dict[str, list[Any]]]]:
        """Yield the position of the first row, and the columns, of so many rows after the other."""
        taken = {name: self.places[name] for name in self.contract.members if name in self.places}
        dated = field_names(self.contract).dated
        if DATE in self.places and dated is not None:
            taken[dated] = self.places[DATE]
        cells = ColumnCells(self.contract, self.factors)
        for first in range(0, len(self.frame), size):
            part = self.frame.iloc[first : first + size]
            yield first, {name: cells.values(name, part.iloc[:, place]) for name, place in taken.items()}


def decoded(cells: Mapping[str, Sequence[Any]], contract: CompiledContract) -> DecodedTable:
    """Validate columns of cells as a worker does a message: usable rows, and the others with every reason."""
    found = decode_fields(to_json(cells, inf_nan_mode="constants"), contract)
    if not isinstance(found, DecodedTable):
        raise TypeError("columns are a table")
    return found
