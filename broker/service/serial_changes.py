"""Changes of topics and subscriptions, one at a time and each to its end."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")


class SerialChanges:
    """Run coroutines one after another; a client that disconnects does not stop its own in the middle."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, change: Coroutine[Any, Any, T]) -> T:
        """Wait for the earlier changes, then for this one; gives its result."""
        task = asyncio.create_task(self._locked(change))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def _locked(self, change: Coroutine[Any, Any, T]) -> T:
        async with self._lock:
            return await change

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Read here as well, where its client has left: asyncio would log it as forgotten.
            task.exception()


class _Changeable(Protocol):
    changes: SerialChanges


S = TypeVar("S", bound=_Changeable)


def serial(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Decorate a method that changes something: its calls run in order, and checks hold until the change is stored."""

    @wraps(method)
    async def change(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.changes.run(method(self, *args, **kwargs))

    return change
