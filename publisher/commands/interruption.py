"""Interruption: a first Ctrl-C asks to finish what has begun, a second one ends at once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

T = TypeVar("T")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether the user asked to finish. A source that is being waited for is left at once, a message never."""

    def __init__(self) -> None:
        self.asked = False
        self._at_source = False

    def ask(self) -> None:
        """Ask to finish; raises KeyboardInterrupt where nothing has begun, and when asked again."""
        again = self.asked
        self.asked = True
        if again or self._at_source:
            raise KeyboardInterrupt

    def until_asked(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items until the user asks to finish."""
        source = iter(items)
        while True:
            try:
                # In this order, so that no signal falls between the question and the wait.
                self._at_source = True
                if self.asked:
                    return
                item = next(source)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._at_source = False
            yield item


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Listen to SIGINT and SIGTERM while inside, then restore what listened before.

    Outside the main thread, where Python delivers no signals, no signal is handled.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        interruption.ask()

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
