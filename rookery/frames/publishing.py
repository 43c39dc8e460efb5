"""publish_frame: the rows of a frame as tables of readings, each with an identity, and the answer to each row."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.frames.answers import RowAnswers
from rookery.frames.identities import names_of, repeated
from rookery.frames.rows import READING_ID, FrameRows
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.contracts import compiled_of
from rookery.publisher.errors import PublishError
from rookery.publisher.failure import NotPublishedError
from rookery.publisher.files.bad_row import why
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.files.tables.size import TABLE_BYTES, TABLE_ROWS
from rookery.publisher.settings import BULK
from rookery.publisher.topics import topic_path
from rookery.schemas.codec import DecodedTable, decode_fields, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pandas import DataFrame

    from rookery.publisher.settings import PublisherSettings
    from rookery.schemas.contract.contract import Contract

REACH_S: Final = 10.0
CHUNK_ROWS: Final = 20 * TABLE_ROWS
"""Rows whose cells are Python's objects at one time: some megabytes."""


def publish_frame(  # noqa: PLR0913  each is a choice of the caller's
    df: DataFrame,
    topic: str,
    *,
    mapping: Mapping[str, str] | None = None,
    id_prefix: str = "",
    contract: Contract | Path | str | None = None,
    settings: PublisherSettings | None = None,
) -> DataFrame:
    """Publish every valid row of a frame in tables, wait for the answers, and return each row's under its index.

    Columns of the result: `reading_id`, `message_id`, and `reason`: every reason why the row was not published, NA where
    it was. A row without a `reading_id` of its own gets one made of the frame's content, so that the same call sends
    the same readings again, and duplicates count once; `id_prefix` separates equal frames. `contract` is one, or a contract's or a model's file
    (the shipped contract without it). A progress bar is shown
    on a terminal only.

    Raises BadFrameError, BadTopicError, UnreachableError, NotAllowedError; later failures are the rows' reasons.
    """
    rows = FrameRows.of(df, compiled_of(contract), mapping)
    answers = RowAnswers(names_of(rows, id_prefix))
    with ReadingPublisher(topic_path(topic), settings=settings or replace(BULK, give_up_s=15.0)) as publisher:
        publisher.reach(REACH_S)
        with _progress(len(df)) as show:
            tables = _Tables(publisher, answers, rows)
            for done in tables.publish():
                show(done)
            # Each failure is a row's reason.
            with suppress(NotPublishedError):
                publisher.flush()
        answers.settle()
    return answers.frame(df)


class _Tables:
    """Sends the valid rows of a frame in tables of the publisher's own size, and gives every other row its reason."""

    def __init__(self, publisher: ReadingPublisher, answers: RowAnswers, rows: FrameRows) -> None:
        self._publisher = publisher
        self._answers = answers
        self._rows = rows
        self._repeated = repeated(answers.names) if rows.stated is not None else {}

    def publish(self) -> Iterator[int]:
        """Send all, and yield after each chunk the number of rows that were dealt with; ends early where nothing can be sent."""
        for first, cells in self._rows.chunks(CHUNK_ROWS):
            size = len(next(iter(cells.values())))
            named = {**cells, READING_ID: self._answers.names.slice(first, size).to_pylist()}
            for start in range(0, size, TABLE_ROWS):
                self._table(
                    first + start, {name: each[start : start + TABLE_ROWS] for name, each in named.items()}
                )
                if self._answers.hopeless:
                    return
            yield first + size

    def _table(self, first: int, cells: dict[str, list[Any]]) -> None:
        """Send the valid rows of a table, halved until it is about as small as the tables of files."""
        payload = to_json(cells, inf_nan_mode="constants")
        rows = range(first, first + len(cells[READING_ID]))
        if len(payload) > 2 * TABLE_BYTES and len(rows) > 1:
            half = len(rows) // 2
            self._table(first, {name: each[:half] for name, each in cells.items()})
            self._table(first + half, {name: each[half:] for name, each in cells.items()})
            return
        # Read as a worker will read it: what it finds nothing wrong with is sent as it is.
        found = decode_fields(payload, self._rows.contract)
        if not isinstance(found, DecodedTable):
            raise TypeError("columns are a table")
        if len(found.positions) == len(rows) and self._repeated.keys().isdisjoint(rows):
            self._send(payload, rows)
            return
        for refused in found.refused:
            self._answers.refuse(first + (refused.row or 0), why(refused.reasons))
        kept = [nth for nth, row in enumerate(found.positions) if not self._refuse_repeated(first + row)]
        if kept and found.table is not None:
            self._send(encode(found.table.select(kept)), [first + found.positions[nth] for nth in kept])

    def _refuse_repeated(self, row: int) -> bool:
        """Refuse a row whose identity an earlier one has: a worker takes it for that one, whatever it holds."""
        earlier = self._repeated.get(row)
        if earlier is not None:
            self._answers.refuse(row, f"reading_id: row {earlier} has it too, and each row needs its own")
        return earlier is not None

    def _send(self, payload: bytes, rows: Sequence[int]) -> None:
        try:
            receipt = self._publisher.publish_encoded(EncodedMessage(payload=payload, rows=len(rows)))
        except PublishError as error:
            self._answers.fail(rows, error)
            return
        self._answers.sent(receipt, rows)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while open, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415  only a terminal needs it
    from rich.progress import Progress  # noqa: PLC0415  the same

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Publishing", total=total)
        yield lambda done: bar.update(task, completed=min(done, total))
