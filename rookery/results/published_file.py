"""Published files: the identity of each row of one, by which its readings are known among the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.reading_file import ReadingFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rookery.schemas.contract.compiled import CompiledContract


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row's identity (that of the file's digest and the row's number, where the file states none), and why it was not sent."""

    reading_id: str
    reason: str | None = None


def published_rows(
    file: str | Path,
    *,
    id_prefix: str = "",
    contract: CompiledContract | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Iterator[PublishedRow]:
    """Every row of a file in order, blank ones left out; raises BadFileError with every reason, and OSError."""
    for row in ReadingFile(Path(file), id_prefix=id_prefix, contract=contract, mapping=mapping).rows():
        if isinstance(row, BadRow):
            yield PublishedRow(row.reading_id, row.why)
        else:
            yield PublishedRow(str(row.reading.reading_id))
