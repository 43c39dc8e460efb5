"""StorageFaults: what may go wrong between a client and the store, one request at a time, on demand."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal

Operation = Literal["insert", "get", "list", "delete", "bucket", "begin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFault:
    """One request's misfortune: late by `delay_s`, then answered `status`, cut off (`reset`) or answered well.

    `carried_out` says that the store did what it was asked before things went wrong: the client cannot know.
    """

    status: int | None = None
    reset: bool = False
    carried_out: bool = False
    delay_s: float = 0.0


class StorageFaults:
    """Faults in waiting, by operation; each strikes once, in the order in which they were injected."""

    def __init__(self) -> None:
        """Start with a store in health."""
        self._lock = threading.Lock()
        self._waiting: defaultdict[Operation, deque[StorageFault]] = defaultdict(deque)
        self._lasting: dict[Operation, StorageFault] = {}

    def inject(self, operation: Operation, *faults: StorageFault) -> None:
        """Let the next requests of one operation meet these faults."""
        with self._lock:
            self._waiting[operation].extend(faults)

    def last(self, operation: Operation, fault: StorageFault) -> None:
        """Let every request of one operation meet a fault, until `clear`."""
        with self._lock:
            self._lasting[operation] = fault

    def clear(self) -> None:
        """Let the store be in health again."""
        with self._lock:
            self._waiting.clear()
            self._lasting.clear()

    def take(self, operation: Operation) -> StorageFault | None:
        """The fault that strikes this request, if any."""
        with self._lock:
            waiting = self._waiting[operation]
            return waiting.popleft() if waiting else self._lasting.get(operation)
