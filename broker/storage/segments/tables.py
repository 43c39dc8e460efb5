"""The messages of one subscription in its two tables; each call is part of a transaction of the caller.

Python gives its interpreter lock away at every step of a statement, and waits for it afterwards as long as the event loop is
busy: there is a statement for each segment, never one for each message.
"""

# ruff: noqa: S608  the names in the statements are ours

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from rookery.broker.scheduling.messages import RestoredMessage
from rookery.broker.storage.segments import segment, states
from rookery.broker.storage.segments.states import SegmentState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from sqlite3 import Connection

    from rookery.broker.scheduling.messages import StoredMessage

_SPARSE: Final = 4
"""A segment that holds at most one in so many of its messages is written anew without the others, to free their space."""


def tables_of(number: int) -> tuple[str, str]:
    """Name the tables of a subscription: of its segments, and of their states."""
    return f"segments_{int(number)}", f"states_{int(number)}"


def creation(number: int) -> list[str]:
    """Give the statements that create the tables of a subscription."""
    columns = (segment.COLUMNS, states.COLUMNS)
    return [f"CREATE TABLE {table}({each})" for table, each in zip(tables_of(number), columns, strict=True)]


class SegmentTables:
    """Read and write what one subscription holds; raises ValueError where a checksum is wrong."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._execute = connection.execute
        self._segments, self._states = tables_of(number)

    def count(self) -> int:
        """Count the messages."""
        spans = f"SELECT coalesce(sum(last_id - first_id + 1), 0) FROM {self._segments}"
        gone = f"SELECT coalesce(sum(gone), 0) FROM {self._states}"
        (found,) = self._execute(f"SELECT ({spans}) - ({gone})").fetchone()
        return int(found)

    def behind(self, ident: int) -> Iterator[RestoredMessage]:
        """Give the messages behind an id, in order."""
        first = self._first_of(ident + 1)
        while (found := self._next(first)) is not None:
            last, messages = found
            yield from (each for each in messages if int(each.message.message_id) > ident)
            first = last + 1

    def drain(self) -> Iterator[RestoredMessage]:
        """Give all messages, in order, and delete each segment before its first one; segments may be added before it."""
        first = 0
        while (found := self._next(first, delete=True)) is not None:
            last, messages = found
            yield from messages
            first = last + 1

    def add(self, held: Sequence[StoredMessage]) -> None:
        """Add messages in the order of their ids."""
        if not held:
            return
        query = f"SELECT last_id FROM {self._segments} ORDER BY first_id DESC LIMIT 1"
        latest = self._execute(query).fetchone()
        if latest is not None and latest[0] >= int(held[0].message_id):
            self._add_amid(held)
        else:
            self.write(RestoredMessage(each, 0) for each in held)

    def write(self, held: Iterable[RestoredMessage]) -> None:
        """Write segments of messages in the order of their ids, none of which lies within a segment that is there."""
        attempts: dict[int, int] = {}

        def bare() -> Iterator[StoredMessage]:
            for each in held:
                if each.attempts:
                    attempts[int(each.message.message_id)] = each.attempts
                yield each.message

        for some in segment.divided(bare()):
            row = segment.written(some)
            self._execute(f"INSERT INTO {self._segments}({segment.NAMES}) VALUES(?, ?, ?, ?, ?, ?, ?)", row)
            first, last, count, *_ = row
            tried = {ident: attempts.pop(ident) for ident in list(attempts) if ident <= last}
            if tried or last - first + 1 > count:
                state = SegmentState.new(first, last, [int(each.message_id) for each in some])
                state.attempts = tried
                self._save(state)

    def settle(self, removed: Collection[int], attempts: Mapping[int, int]) -> None:
        """Note which messages are no longer held, and how many times others were delivered so far."""
        left = sorted({*removed, *attempts})
        while left:
            found = self._execute(
                f"SELECT first_id, last_id, count FROM {self._segments} WHERE first_id = ?",
                (self._first_of(left[0]),),
            ).fetchone()
            first, last, count = found or (0, left[0], 0)
            some = list(takewhile(lambda ident, last=last: ident <= last, left))  # type: ignore[misc]
            del left[: len(some) or 1]
            if count and some:
                self._settle(
                    SegmentState.read(first, last, self._state(first)), count, some, removed, attempts
                )

    def _settle(
        self,
        state: SegmentState,
        count: int,
        some: list[int],
        removed: Collection[int],
        attempts: Mapping[int, int],
    ) -> None:
        for ident in some:
            if ident in removed:
                state.remove(ident)
            elif state.holds(ident):
                state.attempts[ident] = attempts[ident]
        held = state.held
        if held and held * _SPARSE > count:
            self._save(state)
            return
        if not held:
            self._delete(state.first)
            return
        self._save(state)
        found = self._next(state.first, delete=True)
        self.write(found[1] if found is not None else ())

    def _add_amid(self, held: Sequence[StoredMessage]) -> None:
        """Add messages of which some are older than the latest: what a failed sync kept back."""
        first = self._first_of(int(held[0].message_id))
        later = {int(each.message_id): RestoredMessage(each, 0) for each in held}
        while (found := self._next(first, delete=True)) is not None:
            first = found[0] + 1
            later |= {int(each.message.message_id): each for each in found[1]}
        self.write(later[ident] for ident in sorted(later))

    def _first_of(self, ident: int) -> int:
        """Give the first id of the segment that an id lies in, or that is the last one before it; 0: none."""
        query = f"SELECT first_id FROM {self._segments} WHERE first_id <= ? ORDER BY first_id DESC LIMIT 1"
        found = self._execute(query, (ident,)).fetchone()
        return int(found[0]) if found is not None else 0

    def _next(self, first: int, *, delete: bool = False) -> tuple[int, list[RestoredMessage]] | None:
        """Read the first segment from an id on: its last id and its messages; None: there is none."""
        query = f"SELECT {segment.NAMES} FROM {self._segments} WHERE first_id >= ? ORDER BY first_id LIMIT 1"
        row = self._execute(query, (first,)).fetchone()
        if row is None:
            return None
        state = SegmentState.read(row[0], row[1], self._state(row[0]))
        if delete:
            self._delete(row[0])
        return row[1], [
            RestoredMessage(each, state.attempts.get(ident, 0))
            for each in segment.read(row)
            if state.holds(ident := int(each.message_id))
        ]

    def _state(self, first: int) -> tuple[int, int, bytes, str, int] | None:
        query = f"SELECT {states.NAMES} FROM {self._states} WHERE first_id = ?"
        found: tuple[int, int, bytes, str, int] | None = self._execute(query, (first,)).fetchone()
        return found

    def _save(self, state: SegmentState) -> None:
        into = f"INSERT OR REPLACE INTO {self._states}({states.NAMES}) VALUES(?, ?, ?, ?, ?)"
        self._execute(into, state.written())

    def _delete(self, first: int) -> None:
        for table in (self._segments, self._states):
            self._execute(f"DELETE FROM {table} WHERE first_id = ?", (first,))
