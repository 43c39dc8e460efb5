"""Cohorts: messages that are alike, counted instead of held one by one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Cohort:
    """`count` messages that were published, and sent, at the same moment (s)."""

    count: int
    published_at: float
    sent_at: float = 0.0
    attempts: int = 0


class CohortQueue:
    """Cohorts in order; `count` messages in all."""

    __slots__ = ("_cohorts", "count")

    def __init__(self) -> None:
        self.count = 0
        self._cohorts: deque[Cohort] = deque()

    def put(self, cohorts: Iterable[Cohort]) -> None:
        """Append cohorts."""
        for each in cohorts:
            self._cohorts.append(each)
            self.count += each.count

    def put_first(self, cohorts: Iterable[Cohort]) -> None:
        """Put cohorts before all others: they were published first."""
        for each in reversed(list(cohorts)):
            self._cohorts.appendleft(each)
            self.count += each.count

    def take(self, most: int) -> list[Cohort]:
        """Remove up to so many messages from the front; a cohort is split where it is larger."""
        taken: list[Cohort] = []
        while most > 0 and self._cohorts:
            first = self._cohorts[0]
            if first.count <= most:
                self._cohorts.popleft()
            else:
                self._cohorts[0] = replace(first, count=first.count - most)
                first = replace(first, count=most)
            taken.append(first)
            most -= first.count
            self.count -= first.count
        return taken


def counted(cohorts: Iterable[Cohort]) -> int:
    """How many messages cohorts hold."""
    return sum(each.count for each in cohorts)
