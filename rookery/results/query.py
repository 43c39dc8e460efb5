"""SelectedPredictions: the predictions of one location that a query selects, without duplicates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rookery.errors import UserError
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.source import sources
from rookery.results.id_set import IdSet, Labels
from rookery.results.location import lines
from rookery.results.published_file import published_rows
from rookery.schemas.identity import known_as
from rookery.schemas.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from rookery.schemas.contract.compiled import CompiledContract


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionQuery:
    """A filter of predictions; None selects any. The day is that of the prediction, in UTC."""

    since: date | None = None
    until: date | None = None
    label: str | None = None
    device: str | None = None
    ids: Collection[str] | None = None

    def takes(self, one: Prediction) -> bool:
        """Whether the query selects this prediction."""
        day = one.predicted_at.date()
        return (
            (self.since is None or day >= self.since)
            and (self.until is None or day <= self.until)
            and self.label in (None, one.label)
            and self.device in (None, one.device_id)
            and (self.ids is None or one.reading_id in self.ids)
        )


@dataclass(slots=True)
class SelectedPredictions:
    """Iterates over each reading's first prediction; `duplicates` counts the lines that were skipped."""

    uri: str
    query: PredictionQuery = field(default_factory=PredictionQuery)
    duplicates: int = 0

    def __iter__(self) -> Iterator[Prediction]:
        seen = IdSet()
        for line in lines(self.uri, Prediction):
            if not seen.add(known_as(line)):
                self.duplicates += 1
            elif self.query.takes(line):
                yield line


def ids_of(
    file: Path | None, *, id_prefix: str = "", contract: CompiledContract | None = None
) -> Collection[str] | None:
    """The identities of a published file's rows; None without a file. Raises UserError."""
    if file is None:
        return None
    try:
        return {row.reading_id for row in published_rows(file, id_prefix=id_prefix, contract=contract)}
    except (BadFileError, OSError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error


def labels_of(
    files: Iterable[str], *, id_prefix: str = "", contract: CompiledContract | None = None
) -> Labels:
    """Read the labels of published files by reading id; raises UserError."""

    def known() -> Iterator[tuple[str, str]]:
        with sources(list(files)) as found:
            for source in found:
                for label in ReadingFile(source, id_prefix=id_prefix, contract=contract).labels():
                    yield label.reading_id, label.label

    try:
        return Labels(known())
    except BadFileError as error:
        raise UserError(f"The labels cannot be read: {error}") from error
    except OSError as error:
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise UserError(f"The labels cannot be read: {said}.") from error
