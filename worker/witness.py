"""Witness: whoever wants to know of a batch when it is done; none of them has a say in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from worker.rendering import Lines
    from worker.ticket import Ticket
    from worker.work import Work


# Not frozen, as one is made for every batch.
@dataclass(slots=True)
class Seen:
    """A batch that was made durable, or partly so: its tickets with their lines, the longest waiting first.

    `predicted` and `rejected` are readings that were answered for, `retried` messages that were not. The batch
    lasted from `at` until `done_at`. No ticket in it only asks (`/predict`).
    """

    kept: Sequence[tuple[Ticket[Work], Lines]]
    predicted: int
    rejected: int
    retried: int
    at: datetime
    done_at: datetime


class Witness(Protocol):
    """Is called on the event loop, once a batch: whatever it does, it does to all messages of the worker."""

    def __call__(self, seen: Seen) -> None:
        """Take note of a batch; must not raise."""
