"""publish_frame: the rows of a frame as tables of readings, each with an identity, and the answer to each row."""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.frames.libraries import library
from rookery.frames.rows import VALIDATED_ROWS, FrameRows, decoded
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.contracts import compiled_of
from rookery.publisher.errors import PublishError
from rookery.publisher.failure import NotPublishedError
from rookery.publisher.files.bad_row import why
from rookery.publisher.files.csv.messages import TABLE_BYTES, TABLE_ROWS
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.settings import BULK
from rookery.publisher.topics import topic_path
from rookery.schemas.codec import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pandas import DataFrame

    from rookery.publisher.receipt import Receipt
    from rookery.publisher.settings import PublisherSettings
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.reading_classes import AnyTable

REACH_S: Final = 10.0
_UNANSWERED: Final = "not published: no answer came in time; the same call sends the same readings again"
_ID: Final = "reading_id"


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
    state = _Answers(_identities(rows, id_prefix))
    with ReadingPublisher(topic_path(topic), settings=settings or replace(BULK, give_up_s=15.0)) as publisher:
        publisher.reach(REACH_S)
        with _progress(len(df)) as show:
            for first, cells in rows.chunks():
                _publish(publisher, state, first, cells, rows.contract)
                show(first + VALIDATED_ROWS)
                if state.hopeless:
                    break
            # Each failure is a row's reason.
            with suppress(NotPublishedError):
                publisher.flush()
        state.settle_all()
    return state.frame(df)


def _identities(rows: FrameRows, prefix: str) -> list[str]:
    """The reading_id of each row: its own, or the digest of all readings with its position."""
    digest = hashlib.sha256()
    stated: list[Any] = []
    for _, cells in rows.chunks():
        digest.update(to_json(cells, inf_nan_mode="constants"))
        stated += cells.get(_ID) or [None] * len(next(iter(cells.values())))
    stem = "-".join(filter(None, (prefix, digest.hexdigest()[:12])))
    return [own or f"{stem}-{nth}" for nth, own in enumerate(stated)]


@dataclass(slots=True)
class _Answers:
    """The answer to each row; answers arrive in the publisher's threads."""

    names: list[str]
    message_ids: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    waiting: dict[Receipt, Sequence[int]] = field(default_factory=dict)
    hopeless: bool = False

    def sent(self, receipt: Receipt, rows: Sequence[int]) -> None:
        """Expect the answer to some rows."""
        self.waiting[receipt] = rows
        receipt.add_done_callback(self.settle)

    def settle_all(self) -> None:
        """Take the answers whose callbacks have not run yet."""
        for receipt in list(self.waiting):
            if receipt.done():
                self.settle(receipt)

    def repeated(self, row: int) -> bool:
        """Note a duplicate: a worker takes it for the earlier row, whatever it holds."""
        first = self.seen.setdefault(self.names[row], row)
        if first != row:
            self.reasons[row] = f"reading_id: row {first} has it too, and each row needs its own"
        return first != row

    def settle(self, receipt: Receipt) -> None:
        """Take an answer; the second time it does nothing."""
        rows = self.waiting.pop(receipt, ())
        error = receipt.peek()
        if error is not None:
            self.hopeless = self.hopeless or error.hopeless
            self.refuse(rows, error)
        else:
            self.message_ids.update(dict.fromkeys(rows, receipt.result()))

    def refuse(self, rows: Sequence[int], error: PublishError) -> None:
        """Give rows a reason."""
        self.reasons.update(dict.fromkeys(rows, f"not published: {error}"))

    def frame(self, like: DataFrame) -> DataFrame:
        """The answer to each row, under the index of its frame."""
        pandas = library("pandas")
        count = range(len(self.names))
        ids = [self.message_ids.get(row) for row in count]
        reasons = [None if known else self.reasons.get(row, _UNANSWERED) for row, known in enumerate(ids)]
        made = {_ID: list(map(str, self.names)), "message_id": ids, "reason": reasons}
        columns = {name: pandas.array(cells, dtype="string") for name, cells in made.items()}
        return pandas.DataFrame(columns, index=like.index)


def _publish(
    publisher: ReadingPublisher,
    state: _Answers,
    first: int,
    cells: dict[str, list[Any]],
    contract: CompiledContract,
) -> None:
    """Send the valid rows of a chunk in tables of the publisher's own size."""
    size = len(next(iter(cells.values())))
    found = decoded({**cells, _ID: state.names[first : first + size]}, contract)
    for refused in found.refused:
        state.reasons[first + (refused.row or 0)] = why(refused.reasons)
    if found.table is None:
        return
    positions = [first + each for each in found.positions]
    kept = [nth for nth, row in enumerate(positions) if not state.repeated(row)]
    for start in range(0, len(kept), TABLE_ROWS):
        chosen = kept[start : start + TABLE_ROWS]
        for table, rows in _tables(found.table.select(chosen), [positions[nth] for nth in chosen]):
            _send(publisher, state, table, rows)


def _tables(table: AnyTable, rows: Sequence[int]) -> Iterator[tuple[EncodedMessage, Sequence[int]]]:
    """Halve a table until it is about as small as the tables of files."""
    payload = encode(table)
    if len(payload) <= 2 * TABLE_BYTES or len(rows) == 1:
        yield EncodedMessage(payload=payload, rows=len(rows)), rows
        return
    half = len(rows) // 2
    yield from _tables(table.select(range(half)), rows[:half])
    yield from _tables(table.select(range(half, len(rows))), rows[half:])


def _send(publisher: ReadingPublisher, state: _Answers, table: EncodedMessage, rows: Sequence[int]) -> None:
    try:
        receipt = publisher.publish_encoded(table)
    except PublishError as error:
        state.refuse(rows, error)
        state.hopeless = state.hopeless or error.hopeless
        return
    state.sent(receipt, rows)


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
