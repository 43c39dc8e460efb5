"""Forks: what is released before a process forks, and what its child begins anew.

A forked child has its parent's memory and none of its threads: a lock that another thread held stays locked, a queue
is emptied by no thread, a socket is written to by two processes, and SQLite takes its parent's file locks for its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final


class ForkAware:
    """Has something that a child must not share. It is called back from its construction on, as long as it lives."""

    def __init__(self) -> None:
        with _lock:
            _alive.add(self)

    def before_fork(self) -> None:
        """Release what must not be copied, in the thread that forks, just before it does."""

    def after_fork_in_parent(self) -> None:
        """Take it back, in the parent."""

    def after_fork_in_child(self) -> None:
        """Begin anew, in the child, where this is the only thread."""


_alive: Final = weakref.WeakSet[ForkAware]()
_forking: Final[list[ForkAware]] = []
_lock: Final = threading.Lock()


def _before() -> None:
    _lock.acquire()
    _forking.extend(_alive)
    for each in _forking:
        each.before_fork()


def _in_parent() -> None:
    for each in _forking:
        each.after_fork_in_parent()
    _forking.clear()
    _lock.release()


def _in_child() -> None:
    for each in _forking:
        each.after_fork_in_child()
    _forking.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
