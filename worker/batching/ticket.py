"""Ticket: one caller's place in a batch, and everybody who waits for what becomes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from rookery.worker.errors import RetryError

if TYPE_CHECKING:
    from collections.abc import Generator

Item = TypeVar("Item")

UNANSWERED: Final = object()
"""What stands for a ticket's answer until there is one."""


class Ticket(Generic[Item]):
    """One item's place in a batch. Awaiting it gives the answer, to each of several callers; who left is skipped.

    A `bound` one is run even if every caller left: there is somebody else to tell when its batch ends.
    """

    __slots__ = ("_callers", "answer", "bound", "item", "rows", "since", "size")

    # Placed, not named: a ticket is made for every push.
    def __init__(
        self,
        item: Item,
        rows: int,
        size: int,
        since: float = 0.0,
        bound: bool = False,  # noqa: FBT001, FBT002  see above
    ) -> None:
        """Store the item with its weight, readings and bytes, and when it came."""
        self.item = item
        self.rows = rows
        self.size = size
        self.since = since
        self.bound = bound
        self.answer: object = UNANSWERED
        self._callers: list[asyncio.Future[Any]] | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self.join().__await__()

    def join(self) -> asyncio.Future[Any]:
        """One more caller's future of the answer; cancelling it takes nothing from the others."""
        caller: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.answer is not UNANSWERED:
            _tell(caller, self.answer)
        elif self._callers is None:
            self._callers = [caller]
        else:
            self._callers.append(caller)
        return caller

    @property
    def settled(self) -> bool:
        """Whether there is an answer, or nobody left to wait for one."""
        return self.answer is not UNANSWERED or (
            not self.bound and self._callers is not None and all(each.done() for each in self._callers)
        )

    def resolve(self, answer: object) -> None:
        """Answer every caller that still waits; only the first answer counts."""
        if self.answer is not UNANSWERED:
            return
        self.answer = answer
        if self._callers is not None:
            for caller in self._callers:
                _tell(caller, answer)

    def fail(self, error: RetryError) -> None:
        """Tell every caller that still waits to try again."""
        self.resolve(error)


def _tell(caller: asyncio.Future[Any], answer: object) -> None:
    if caller.done():
        return
    if isinstance(answer, RetryError):
        caller.set_exception(answer)
        # A caller who left between must not leave a warning behind.
        caller.exception()
    else:
        caller.set_result(answer)
