"""Signals: SIGINT, SIGTERM and SIGHUP all end a command the way Ctrl-C does, so that no child process is left behind."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], None]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")
SIGNALS: Final = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT, SIGTERM and SIGHUP while inside."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with signals_handled(interrupt):
        yield


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Hold these signals back while inside, around a step that must not be interrupted, and deliver them after it."""
    received: list[int] = []
    with signals_handled(lambda number, _frame: received.append(number)):
        yield
    for number in received:
        signal.raise_signal(number)


@contextmanager
def shutdown_event() -> Iterator[asyncio.Event]:
    """Give an event of the running loop that these signals set while inside."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def signals_handled(handler: Handler) -> Iterator[None]:
    """Install a handler while inside, then restore the former ones; Python delivers signals to the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in former.items():
            signal.signal(number, earlier)
