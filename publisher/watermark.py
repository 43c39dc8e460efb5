"""Watermark: how far a source has come when its messages are answered in any order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.blocks import Place


@dataclass(slots=True)
class Step:
    """One message on its way, or a place that was reached; `done` is set from any thread, once."""

    done: bool = False
    place: Place | None = None


class Watermark:
    """One thread says what was sent and which places were reached; others set the steps done.

    A message that fails is never done: the mark stays before it.
    """

    def __init__(self) -> None:
        self._steps = deque[Step]()
        self._place: Place | None = None

    def sent(self) -> Step:
        """A message leaves; set the step done when it has its id."""
        step = Step()
        self._steps.append(step)
        return step

    def reached(self, place: Place) -> None:
        """All before this place has been sent."""
        self._steps.append(Step(done=True, place=place))

    def settle(self) -> None:
        """Everything that was sent has its id."""
        for step in self._steps:
            step.done = True

    @property
    def place(self) -> Place | None:
        """The last place before which everything has its id."""
        while self._steps and self._steps[0].done:
            self._place = self._steps.popleft().place or self._place
        return self._place
