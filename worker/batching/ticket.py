"""Ticket: one item's place in a batch, and the callers that wait for its answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from rookery.worker.errors import RetryError

if TYPE_CHECKING:
    from collections.abc import Generator

Item = TypeVar("Item")

UNANSWERED: Final = object()
"""A ticket's answer until it has one."""


# A Struct, as one is made for every message: a dataclass takes three times as long.
class Ticket(msgspec.Struct, Generic[Item], eq=False):
    """One item's place in a batch, of `rows` readings and `size` bytes, submitted at `since` on the monotonic clock.

    Awaiting it returns the answer, to each of several callers; callers that left are skipped. A `bound` ticket is run
    even if every caller left, because its item answers its sender when the batch ends.
    """

    item: Item
    rows: int
    size: int
    since: float = 0.0
    bound: bool = False
    answer: object = UNANSWERED
    _callers: list[asyncio.Future[Any]] | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self.join().__await__()

    def join(self) -> asyncio.Future[Any]:
        """Return a future of the answer for one more caller; cancelling it does not affect the others."""
        caller: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.answer is not UNANSWERED:
            _settle(caller, self.answer)
        elif self._callers is None:
            self._callers = [caller]
        else:
            self._callers.append(caller)
        return caller

    @property
    def abandoned(self) -> bool:
        """Whether every caller has left; False before the first one has come."""
        return self._callers is not None and all(caller.done() for caller in self._callers)

    def resolve(self, answer: object) -> None:
        """Give the answer to every caller that still waits; later answers are ignored."""
        if self.answer is not UNANSWERED:
            return
        self.answer = answer
        if self._callers is not None:
            for caller in self._callers:
                _settle(caller, answer)

    def fail(self, error: RetryError) -> None:
        """Raise an error in every caller that still waits, so that its message is nacked."""
        self.resolve(error)


def _settle(caller: asyncio.Future[Any], answer: object) -> None:
    if caller.done():
        return
    if isinstance(answer, RetryError):
        caller.set_exception(answer)
        # asyncio warns of an exception that is never retrieved, as where the caller left just now.
        caller.exception()
    else:
        caller.set_result(answer)
