"""PublishJournal: what a publisher that is killed knew of its readings, number by number."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NEW_FILE: Final = 0o600


class PublishState(StrEnum):
    """How far a reading came: SENT ones may have arrived, TAKEN ones did, REFUSED ones did not."""

    SENT = "sent"
    TAKEN = "taken"
    REFUSED = "refused"


_STATES: Final = {state.value: state for state in PublishState}


class PublishJournal:
    """Appends one line a step, each in one write, which no kill takes back; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _NEW_FILE)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def note(self, state: PublishState, numbers: range) -> None:
        """Note the state of readings whose numbers follow each other."""
        os.write(self._file, f"{state} {numbers.start} {numbers.stop}\n".encode())

    def states(self) -> dict[int, PublishState]:
        """The last state of each reading so far, by its number."""
        return dict(self._entries())

    def end(self) -> int:
        """The number behind the last reading so far."""
        return max((stop for _, _, stop in self._lines()), default=0)

    def taken(self) -> int:
        """How many readings `publish` returned for."""
        return sum(stop - start for state, start, stop in self._lines() if state is PublishState.TAKEN)

    def _entries(self) -> Iterator[tuple[int, PublishState]]:
        for state, start, stop in self._lines():
            for number in range(start, stop):
                yield number, state

    def _lines(self) -> Iterator[tuple[PublishState, int, int]]:
        if not self._path.exists():
            return
        for line in self._path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                state, start, stop = line.split()
                yield _STATES[state], int(start), int(stop)
