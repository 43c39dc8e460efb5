"""Watermark: how far a source has come when its messages are answered in any order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.publisher.files.resume.position import FilePosition


@dataclass(slots=True)
class AckedStep:
    """One message in flight, or a place that was reached; `done` is set from any thread, once."""

    done: bool = False
    place: FilePosition | None = None


class Watermark:
    """One thread says what was sent and which places were reached; others set the steps done.

    A message that fails is never done: the mark stays before it.
    """

    def __init__(self) -> None:
        self._steps = deque[AckedStep]()
        self._place: FilePosition | None = None

    def sent(self) -> AckedStep:
        """A message leaves; set the step done when it has its id."""
        step = AckedStep()
        self._steps.append(step)
        return step

    def reached(self, place: FilePosition) -> None:
        """All before this place has been sent."""
        self._steps.append(AckedStep(done=True, place=place))

    def settle(self) -> None:
        """Everything that was sent has its id."""
        for step in self._steps:
            step.done = True

    @property
    def place(self) -> FilePosition | None:
        """The last place before which everything has its id."""
        while self._steps and self._steps[0].done:
            self._place = self._steps.popleft().place or self._place
        return self._place
