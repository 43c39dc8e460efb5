"""Ctrl-C while a program imports: it ends at once, by the signal, in place of a traceback from the middle of an import."""

from __future__ import annotations

import signal


def end_by_signal() -> None:
    """Let SIGINT end this process until it listens by itself; one that was started without listening goes on so.

    A program that was started with SIGINT blocked, as `rookery serve` starts the worker, hears now what came meanwhile.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
