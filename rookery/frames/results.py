"""read_predictions and read_rejections: results of a folder or a bucket as a frame, duplicate lines skipped."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.libraries import library
from rookery.publisher.files.bad_row import BadRow, why
from rookery.publisher.files.csv.rows import CsvFile
from rookery.results.export import with_columns
from rookery.results.id_set import IdSet
from rookery.results.location import lines
from rookery.results.replay import original
from rookery.schemas.identity import known_as
from rookery.schemas.parsing.moment import parse
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pandas import DataFrame

    When = date | datetime | str | None

_GROUP: Final = 50_000
"""Lines that become columns at once."""

_UTC: Final = "datetime64[us, UTC]"
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REJECTED: Final[Mapping[str, Callable[[Rejection], Any]]] = {
    "reading_id": lambda one: one.reading_id,
    "message_id": lambda one: one.message_id,
    "row": lambda one: one.row,
    "device_id": lambda one: one.device_id,
    "reason": lambda one: why(one.reasons),
    "original": lambda one: original(one).decode(errors="replace"),
    "published_at": lambda one: one.published_at,
    "rejected_at": lambda one: one.rejected_at,
    "delivery_attempt": lambda one: one.delivery_attempt,
    "revision": lambda one: one.revision,
}
_DTYPES: Final = {
    "row": "Int64",
    "delivery_attempt": "Int64",
    "out_of_distribution": "boolean",
    **dict.fromkeys(("observed_at", "published_at", "predicted_at", "rejected_at"), _UTC),
}
"""The dtype of each column that is neither a text, a probability nor the target."""


def read_predictions(
    where: str | Path, *, since: When = None, until: When = None, file: str | Path | None = None
) -> DataFrame:
    """Read the predictions of a path, `file:///dir` or `gs://bucket/prefix`, each reading's first line.

    `since` and `until` bound `predicted_at`: a moment with its offset, or a day in UTC, which counts whole. `file` is a
    published CSV file whose readings are wanted. Dtypes: the target (`label` of a
    prediction) category, times datetime64[us, UTC], `row` Int64, probabilities float64, `out_of_distribution` bool
    (boolean where the model says null), other columns string.

    Raises UserError for a location that cannot be read, ValueError for a bound that is no time.
    """
    chosen = _selected(lines(str(where), Prediction), lambda one: one.predicted_at, (since, until), file)
    every, columns = with_columns(chosen)
    frame = _frame(every, columns.readers)
    answers = frame[columns.target]
    known = [*columns.labels, *sorted({*answers}.difference(columns.labels))]
    frame[columns.target] = library("pandas").Categorical(answers, categories=known)
    # A model without a rule for outliers says null.
    if frame["out_of_distribution"].notna().all():
        frame["out_of_distribution"] = frame["out_of_distribution"].astype(bool)
    return frame


def read_rejections(
    where: str | Path, *, since: When = None, until: When = None, file: str | Path | None = None
) -> DataFrame:
    """Read the rejections of a location as `read_predictions` does, bounded by `rejected_at`.

    `reason` has every reason in one text, `original` the payload as it came.
    """
    chosen = _selected(lines(str(where), Rejection), lambda one: one.rejected_at, (since, until), file)
    return _frame(chosen, _REJECTED)


def _selected(
    found: Iterable[Any],
    moment: Callable[[Any], datetime],
    bounds: tuple[When, When],
    file: str | Path | None,
) -> Iterator[Any]:
    first, last = _begin(bounds[0]), _end(bounds[1])
    names = None if file is None else set(_names(Path(file)))
    seen = IdSet()
    for one in found:
        if (
            seen.add(known_as(one))
            and (first is None or moment(one) >= first)
            and (last is None or moment(one) < last)
            and (names is None or one.reading_id in names)
        ):
            yield one


def _names(file: Path) -> Iterator[str]:
    """The reading_id of each row of a published file."""
    for row in CsvFile(file).rows():
        yield row.reading_id if isinstance(row, BadRow) else str(row.reading.reading_id)


def _begin(bound: When) -> datetime | None:
    """The first moment that a bound includes."""
    if bound is None:
        return None
    if isinstance(bound, str):
        bound = date.fromisoformat(bound) if _DAY.fullmatch(bound) else parse(bound)
    if not isinstance(bound, datetime):
        return datetime.combine(bound, time.min, UTC)
    if bound.tzinfo is None:
        raise ValueError(f"{bound}: a moment with its offset from UTC is needed")
    return bound


def _end(bound: When) -> datetime | None:
    """The first moment that a bound excludes: that after the day, or the microsecond after the moment."""
    begin = _begin(bound)
    if begin is None:
        return None
    whole_day = not isinstance(bound, datetime) and (isinstance(bound, date) or _DAY.fullmatch(str(bound)))
    return begin + (timedelta(days=1) if whole_day else timedelta(microseconds=1))


def _frame(found: Iterable[Any], fields: Mapping[str, Callable[[Any], Any]]) -> DataFrame:
    pandas = library("pandas")
    frames = [_part(pandas, [], fields)]
    waiting = iter(found)
    while group := list(islice(waiting, _GROUP)):
        frames.append(_part(pandas, group, fields))
    return frames[0] if len(frames) == 1 else pandas.concat(frames[1:], ignore_index=True)


def _part(pandas: Any, group: list[Any], fields: Mapping[str, Callable[[Any], Any]]) -> DataFrame:
    columns = {}
    for name, read in fields.items():
        cells = [read(one) for one in group]
        if _DTYPES.get(name) == _UTC:
            columns[name] = pandas.to_datetime(pandas.Series(cells, dtype=object), utc=True).astype(_UTC)
        else:
            kind = "float64" if name.startswith("probability") else _DTYPES.get(name, "string")
            columns[name] = pandas.array(cells, dtype=kind)
    return pandas.DataFrame(columns)
