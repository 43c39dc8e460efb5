"""What can stand in the way of an answer now, so that the sender should try again.

    Retry
    ├── Full        the intake's bound is reached: back off             429
    ├── Late        the answer would miss the ack deadline              503
    ├── Draining    the worker is on its way down: go elsewhere         503
    └── Unavailable a sink or the model cannot serve at this moment     503
        └── DefectError  the worker itself failed: no sender, no sink   503

A reading that can never be classified is no error: it ends as a Rejection (`schemas.rejection.Unusable`).
A setting that cannot be honoured ends the worker before it starts (`Misconfigured`).
"""

from __future__ import annotations

from typing import ClassVar


class Retry(Exception):  # noqa: N818  it names what the sender should do
    """Nothing was made durable; the same message may succeed later."""

    cause: ClassVar[str] = "retry"
    """The label under which metrics count it."""


class Full(Retry):
    """More is waiting than the intake may hold."""

    cause = "full"


class Late(Retry):
    """The answer would come after the sender stopped waiting for it; nothing was worked on."""

    cause = "late"


class Draining(Retry):
    """The worker finishes what it holds and takes nothing new."""

    cause = "draining"


class Unavailable(Retry):
    """A sink or the model does not serve."""

    cause = "unavailable"


class DefectError(Unavailable):
    """The worker itself fails on a message; one that answers nothing else is neither ready nor, later, alive."""

    cause = "defect"


class Misconfigured(ValueError):  # noqa: N818  it reads as what it says of the settings
    """A setting cannot be honoured; says which and what would be right."""
