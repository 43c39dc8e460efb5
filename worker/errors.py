"""Errors that nack a message, so that its sender retries.

    RetryError
    ├── QueueFullError    the queue limit is reached: back off              429
    ├── DeadlineError     the answer would miss the ack deadline            503
    ├── DrainingError     the worker is shutting down: push elsewhere       503
    └── UnavailableError  a sink or the model cannot serve at this moment   503
        └── DefectError   the worker itself failed: no sender, no sink      503

A reading that can never be classified is no error: it ends as a Rejection (`rookery.schemas.rejection.UnusableReadingError`).
A setting that cannot be honoured ends the worker before it starts (`MisconfiguredError`).
"""

from __future__ import annotations

from typing import ClassVar


class RetryError(Exception):
    """Nothing was made durable; the same message may succeed later."""

    cause: ClassVar[str] = "retry"
    """The label under which metrics count it."""


class QueueFullError(RetryError):
    """More is waiting than the queue may hold."""

    cause = "full"


class DeadlineError(RetryError):
    """The answer would come after the sender stopped waiting for it; nothing was worked on."""

    cause = "late"


class DrainingError(RetryError):
    """The worker finishes what it holds and takes nothing new."""

    cause = "draining"


class UnavailableError(RetryError):
    """A sink or the model does not serve."""

    cause = "unavailable"


class DefectError(UnavailableError):
    """The worker itself fails on a message; one that answers nothing else is neither ready nor, later, alive."""

    cause = "defect"


class MisconfiguredError(ValueError):
    """A setting cannot be honoured; says which and what would be right."""
