"""PublishedLog: what a swarm published, line by line, and how it enters the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from rookery.load.accounting.ledger import Fate
from rookery.schemas.identity import stands_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from rookery.load.accounting.ledger import Ledger
    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection

OWN_ID: Final = "load_id"
"""Attribute that identifies a malformed message, whose payload holds no readable identity."""

_TAKEN: Final = "taken"
_MESSAGE: Final = "message"
_UNCONFIRMED: Final = "unconfirmed"


@dataclass(frozen=True, slots=True)
class PublishedEntry:
    """One reading to publish; `expected` is a label, or a `Fate`. A malformed one is known by its message's id."""

    reading_id: str
    expected: str
    malformed: bool = False


class PublishedLog:
    """Writes one line a reading; a context manager. Counts as it writes.

    A message is `taken` once Pub/Sub gave it an id; a malformed one is entered as `message`, by that id. Without
    an answer it is `unconfirmed`: it may have arrived.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.readings = 0
        self.messages = 0
        self.unconfirmed = 0

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, entries: Sequence[PublishedEntry], message_ids: Sequence[str]) -> None:
        """Enter the readings that Pub/Sub took; a malformed one, alone in its message, under that message's id."""
        self.messages += len(message_ids)
        self.readings += len(entries)
        if entries[0].malformed:
            self._write(PublishedEntry(message_ids[0], entries[0].expected), _MESSAGE)
        else:
            for each in entries:
                self._write(each, _TAKEN)

    def enter_unconfirmed(self, entries: Iterable[PublishedEntry]) -> None:
        """Enter readings that may or may not have arrived."""
        for each in entries:
            self.unconfirmed += 1
            self._write(each, _UNCONFIRMED)

    def _write(self, entry: PublishedEntry, state: str) -> None:
        self._file.write(f"{entry.reading_id}\t{entry.expected}\t{state}\n")


class Unconfirmed:
    """The readings that may have arrived; those that did are entered in the ledger when they are found."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[str, str] = {}
        self.arrived = 0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, reading_id: str, expected: str) -> None:
        """Remember one."""
        self._open[reading_id] = expected

    def settle(self, line: Prediction | Rejection) -> None:
        """Enter a found line's reading, where it was unconfirmed."""
        attributes = getattr(line, "attributes", None) or {}
        expected = self._open.pop(line.reading_id, None) or self._open.pop(attributes.get(OWN_ID, ""), None)
        if expected is not None:
            self.arrived += 1
            enters = self._ledger.publish_message if stands_in(line) else self._ledger.publish
            _enter(enters, line.message_id if stands_in(line) else line.reading_id, expected)


def enter(published_log: Path, ledger: Ledger) -> Unconfirmed:
    """Enter all taken readings in the ledger, and return the unconfirmed ones; raises OSError."""
    unconfirmed = Unconfirmed(ledger)
    with published_log.open(encoding="utf-8") as lines:
        for reading_id, expected, state in _fields(lines):
            if state == _TAKEN:
                _enter(ledger.publish, reading_id, expected)
            elif state == _MESSAGE:
                _enter(ledger.publish_message, reading_id, expected)
            else:
                unconfirmed.add(reading_id, expected)
    return unconfirmed


def _fields(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        reading_id, expected, state = line.rstrip("\n").split("\t")
        yield reading_id, expected, state


def _enter(publish: Callable[..., None], known_by: str, expected: str) -> None:
    if expected in (Fate.PREDICTED, Fate.REJECTED, Fate.EITHER):
        publish(known_by, fate=Fate(expected))
    else:
        publish(known_by, fate=Fate.PREDICTED, answer=expected)
