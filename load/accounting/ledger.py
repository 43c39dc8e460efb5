"""Ledger: account for every reading between its publication and its one prediction or rejection."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rookery.schemas.identity import identity, known_as, stands_in
from rookery.schemas.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rookery.schemas.rejection import Rejection


class Fate(StrEnum):
    """How a published reading has to end."""

    PREDICTED = "predicted"
    REJECTED = "rejected"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A reading that did not end as it had to: in the wrong fate, with another answer, or with two."""

    reading_id: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Account:
    """The outcome of every published reading.

    `duplicated` readings were written more than once with the same answer (delivery is at least once, a
    reader returns them once); `late` ones took longer than the ledger's bound; `unexpected` ones were found
    though they were never published. `published == predicted + rejected + len(lost)`, always.
    """

    published: int
    predicted: int
    rejected: int
    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    late: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether every reading ended once, as it had to, and nothing came from nowhere."""
        return not (self.lost or self.wrong or self.unexpected)


@dataclass(frozen=True, slots=True)
class _Expected:
    fate: Fate
    answer: str | None

    def agrees(self, answer: str) -> bool:
        if self.answer is not None:
            return answer == self.answer
        return self.fate is Fate.EITHER or (answer == Fate.REJECTED) == (self.fate is Fate.REJECTED)


class Ledger:
    """Two columns: what was published, and what was found; `close()` says whether they agree.

    `late_after_s` bounds the seconds between a message's publication and its verdict. Results may be
    entered before their publication is: the order does not matter.
    """

    def __init__(self, *, late_after_s: float | None = None) -> None:
        """Open an empty ledger."""
        self._late_after_s = late_after_s
        self._expected: dict[str, _Expected] = {}
        self._found: dict[str, str] = {}
        self._other: dict[str, str] = {}
        self._times: Counter[str] = Counter()
        self._late: dict[str, None] = {}
        # Of messages whose id stands in: how many were published and found under it, and each found one's name.
        self._published: Counter[str] = Counter()
        self._arrived: Counter[str] = Counter()
        self._names: dict[str, str] = {}

    def publish(self, reading_id: str, *, fate: Fate = Fate.EITHER, answer: str | None = None) -> None:
        """Enter a reading by the identity under which it will be found.

        `answer` is the label that the same model gives locally. Raises ValueError for an identity that
        has been entered: two observations must not share one.
        """
        if reading_id in self._expected:
            said = f"{reading_id} was published before: an identity belongs to one observation"
            raise ValueError(said)
        self._expected[reading_id] = _Expected(fate=fate, answer=answer)

    def publish_message(
        self, message_id: str, *, fate: Fate = Fate.EITHER, answer: str | None = None
    ) -> None:
        """Enter a reading without an id by what its publisher knows of it, its message's id.

        A broker that was restarted may give an id again: then as many readings must be found under it.
        """
        self._published[message_id] += 1
        self.publish(_numbered(message_id, self._published[message_id]), fate=fate, answer=answer)

    def find(self, lines: Iterable[Prediction | Rejection]) -> None:
        """Enter what was found in the results or in the rejects."""
        for line in lines:
            self._enter(line)

    @property
    def missing(self) -> list[str]:
        """The identities that are published and not found yet."""
        return [reading_id for reading_id in self._expected if reading_id not in self._found]

    def close(self) -> Account:
        """Compare the columns; the ledger stays usable, so that it can be closed again later."""
        lost = self.missing
        rejected = sum(self._found.get(reading_id) == Fate.REJECTED for reading_id in self._expected)
        return Account(
            published=len(self._expected),
            predicted=len(self._expected) - len(lost) - rejected,
            rejected=rejected,
            lost=tuple(lost),
            duplicated=tuple(
                each for each, times in self._times.items() if times > 1 and each not in self._other
            ),
            wrong=tuple(self._wrong()),
            late=tuple(self._late),
            unexpected=tuple(reading_id for reading_id in self._found if reading_id not in self._expected),
        )

    def _enter(self, line: Prediction | Rejection) -> None:
        reading_id, answer = self._name(line), _answer(line)
        first = self._found.setdefault(reading_id, answer)
        self._times[reading_id] += 1
        if first != answer:
            self._other[reading_id] = answer
        if self._late_after_s is not None and _seconds(line) > self._late_after_s:
            self._late[reading_id] = None

    def _name(self, line: Prediction | Rejection) -> str:
        if not stands_in(line):
            return line.reading_id
        entry, known = identity(None, line.message_id, line.row), known_as(line)
        if known not in self._names:
            self._arrived[entry] += 1
            self._names[known] = _numbered(entry, self._arrived[entry])
        return self._names[known]

    def _wrong(self) -> Iterator[Wrong]:
        for reading_id, answer in self._found.items():
            expected = self._expected.get(reading_id)
            if expected is None:
                continue
            other = self._other.get(reading_id)
            if other is not None or not expected.agrees(answer):
                found = answer if other is None else f"{answer} and {other}"
                yield Wrong(reading_id=reading_id, expected=expected.answer or expected.fate, found=found)


def entry_of(line: Prediction | Rejection) -> str:
    """The identity that a publisher knows for a line's reading: its own id, or its message's, with the row in a table."""
    return identity(None, line.message_id, line.row) if stands_in(line) else line.reading_id


def _numbered(name: str, nth: int) -> str:
    return name if nth == 1 else f"{name} ({nth})"


def _answer(line: Prediction | Rejection) -> str:
    return line.label if isinstance(line, Prediction) else Fate.REJECTED.value


def _seconds(line: Prediction | Rejection) -> float:
    if line.published_at is None:
        return 0.0
    decided_at = line.predicted_at if isinstance(line, Prediction) else line.rejected_at
    return (decided_at - line.published_at).total_seconds()
