"""Leaving: every way of being told to end becomes Ctrl-C's, so that no child process is left behind."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Listener = Callable[[int, FrameType | None], None]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")
SIGNALS: Final = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


@contextmanager
def leaving() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT, SIGTERM and SIGHUP while inside."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _listening(leave):
        yield


@contextmanager
def put_off() -> Iterator[None]:
    """Hold these signals back while inside, for what must not be left half done, and deliver them after."""
    came: list[int] = []
    with _listening(lambda number, _frame: came.append(number)):
        yield
    for number in came:
        signal.raise_signal(number)


@contextmanager
def _listening(listener: Listener) -> Iterator[None]:
    """Listen while inside, then restore what listened before; only the main thread is ever told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, listener) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
