"""read_predictions and read_rejections: results of a folder or a bucket as a frame, duplicate lines skipped.

Lines become an Arrow table, some at a time; a frame of pandas or polars is made of it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.libraries import library
from rookery.publisher.files.bad_row import why
from rookery.results.export import with_columns
from rookery.results.id_set import IdSet
from rookery.results.location import lines
from rookery.results.published_file import published_rows
from rookery.results.replay import original
from rookery.schemas.identity import known_as
from rookery.schemas.parsing.moment import parse
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Literal

    from pandas import DataFrame

    When = date | datetime | str | None
    Kind = Literal["pandas", "polars", "arrow"]

_GROUP: Final = 50_000
"""Lines that become columns at once."""

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
_TIMES: Final = frozenset({"observed_at", "published_at", "predicted_at", "rejected_at"})
_WHOLE: Final = frozenset({"row", "delivery_attempt"})
_FLAG: Final = "out_of_distribution"


def read_predictions(
    where: str | Path,
    *,
    since: When = None,
    until: When = None,
    file: str | Path | None = None,
    as_: Kind = "pandas",
) -> Any:
    """Read the predictions of a path, `file:///dir` or `gs://bucket/prefix`, each reading's first line.

    `since` and `until` bound `predicted_at`: a moment with its offset, or a day in UTC, which counts whole. `file` is a
    published file whose readings are wanted. Dtypes: the target (`label` of a
    prediction) category, times datetime64[us, UTC], `row` Int64, probabilities float64, `out_of_distribution` bool
    (boolean where the model says null), other columns string. `as_` is "pandas", "polars" or "arrow", a table of pyarrow.

    Raises UserError for a location that cannot be read, ValueError for a bound that is no time or another `as_`, and
    ModuleNotFoundError, which names the package that is missing.
    """
    made = _maker(as_)
    chosen = _selected(lines(str(where), Prediction), lambda one: one.predicted_at, (since, until), file)
    every, columns = with_columns(chosen)
    table = _table(every, columns.readers)
    place = table.column_names.index(columns.target)
    return made(table.set_column(place, columns.target, _coded(table.column(place), columns.labels)))


def read_rejections(
    where: str | Path,
    *,
    since: When = None,
    until: When = None,
    file: str | Path | None = None,
    as_: Kind = "pandas",
) -> Any:
    """Read the rejections of a location as `read_predictions` does, bounded by `rejected_at`.

    `reason` has every reason in one text, `original` the payload as it came.
    """
    made = _maker(as_)
    chosen = _selected(lines(str(where), Rejection), lambda one: one.rejected_at, (since, until), file)
    return made(_table(chosen, _REJECTED))


def _selected(
    found: Iterable[Any],
    moment: Callable[[Any], datetime],
    bounds: tuple[When, When],
    file: str | Path | None,
) -> Iterator[Any]:
    first, last = _begin(bounds[0]), _end(bounds[1])
    names = None if file is None else {row.reading_id for row in published_rows(file)}
    seen = IdSet()
    for one in found:
        if (
            seen.add(known_as(one))
            and (first is None or moment(one) >= first)
            and (last is None or moment(one) < last)
            and (names is None or one.reading_id in names)
        ):
            yield one


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


def _table(found: Iterable[Any], fields: Mapping[str, Callable[[Any], Any]]) -> Any:
    arrow = library("pyarrow")
    schema = arrow.schema([(name, _type_of(arrow, name)) for name in fields])
    waiting, groups = iter(found), []
    while group := list(islice(waiting, _GROUP)):
        columns = {name: [read(one) for one in group] for name, read in fields.items()}
        groups.append(arrow.table(columns, schema=schema))
    return arrow.concat_tables(groups) if groups else schema.empty_table()


def _type_of(arrow: Any, name: str) -> Any:
    if name in _TIMES:
        return arrow.timestamp("us", tz="UTC")
    if name in _WHOLE:
        return arrow.int64()
    if name == _FLAG:
        return arrow.bool_()
    return arrow.float64() if name.startswith("probability") else arrow.string()


def _coded(answers: Any, labels: Sequence[str]) -> Any:
    """Answers as codes of the labels, and behind these of others that former models gave."""
    arrow = library("pyarrow")
    known = [*labels, *sorted({*answers.unique().to_pylist()}.difference(labels))]
    words = arrow.array(known, arrow.string())
    codes = library("pyarrow.compute").index_in(answers.combine_chunks(), words)
    return arrow.DictionaryArray.from_arrays(codes, words)


def _maker(as_: str) -> Callable[[Any], Any]:
    """The maker of a frame of a table; its package is imported before a line is read."""
    if as_ == "arrow":
        return lambda table: table
    if as_ == "polars":
        from_arrow: Callable[[Any], Any] = library("polars").from_arrow
        return from_arrow
    if as_ == "pandas":
        return partial(_frame, library("pandas"))
    raise ValueError(f'as_="pandas", "polars" or "arrow" is needed, not {as_!r}')


def _frame(pandas: Any, table: Any) -> DataFrame:
    text, whole, flag = pandas.StringDtype("pyarrow"), pandas.Int64Dtype(), pandas.BooleanDtype()
    arrow = library("pyarrow")
    kinds = {arrow.string(): text, arrow.int64(): whole, arrow.bool_(): flag}
    frame = table.to_pandas(types_mapper=kinds.get, self_destruct=True)
    # A model without a rule for outliers says null.
    if _FLAG in frame and frame[_FLAG].notna().all():
        frame[_FLAG] = frame[_FLAG].astype(bool)
    return frame
