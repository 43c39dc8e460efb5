"""Stopping: SIGTERM and SIGINT ask a worker to end in order, and end it where it does not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

log: Final = logging.getLogger(__name__)

UNFINISHED: Final = 3
"""Exit code where the end took too long; nothing unfinished was acknowledged."""

GRACE_SECONDS: Final = 10.0
"""What Cloud Run grants from SIGTERM on."""

_CLOSE_SECONDS: Final = 1.5
"""For closing what was opened, after the drain."""

_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT})


def leave(code: int) -> NoReturn:
    """End the process with what it logged, whatever its threads are at."""
    logging.shutdown()
    os._exit(code)


@contextmanager
def stop_signal(drain_seconds: float) -> Iterator[asyncio.Event]:
    """Give an event that is set on SIGTERM or SIGINT; where the context is open for too long after that, leave.

    A thread of its own takes the signals: neither a loop that hangs in a disk nor any other thread keeps the process.
    """
    loop = asyncio.get_running_loop()
    stopping, ended = asyncio.Event(), threading.Event()
    seconds = drain_seconds + min(_CLOSE_SECONDS, (GRACE_SECONDS - drain_seconds) * 0.75)

    def listen() -> None:
        signal.sigwait(_SIGNALS)
        if not closing:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stopping.set)
        # Until the context is left, also to be there for the signal that wakes it up then.
        if not ended.wait(seconds if not closing else None):
            log.critical("did not stop in time: what was not acknowledged will be redelivered")
            leave(UNFINISHED)

    closing = False
    # Threads inherit it, so that none but the one that waits gets a signal.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()

    def pass_on() -> None:
        signal.pthread_kill(listener.ident or 0, signal.SIGTERM)

    # A signal may reach a thread that was started before, by another library.
    for each in _SIGNALS:
        loop.add_signal_handler(each, pass_on)
    try:
        yield stopping
    finally:
        closing = True
        pass_on()
        ended.set()
        listener.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for each in _SIGNALS:
            loop.remove_signal_handler(each)


def hanging(within_seconds: float) -> list[str]:
    """Name the threads that the interpreter would wait for and that do not end so soon."""
    until = time.monotonic() + within_seconds
    own = threading.current_thread()
    held = [each for each in threading.enumerate() if each is not own and not each.daemon]
    for each in held:
        each.join(max(0.0, until - time.monotonic()))
    return [each.name for each in held if each.is_alive()]
