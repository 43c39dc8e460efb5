"""Requests that wait for one batch, and their answers once it is synced or has failed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rookery.broker.errors import ApiError, ResourceExhaustedError, StoreFailedError
from rookery.broker.storage.database import primary_code
from rookery.broker.storage.write_batch import WriteBatch

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable


@dataclass(slots=True)
class WaitingRequests:
    """The writes of one batch, the offers of its stored messages and the answers to clients."""

    batch: WriteBatch = field(default_factory=WriteBatch)
    publishes: list[tuple[asyncio.Future[None], int, Callable[[], None]]] = field(default_factory=list)
    changes: list[asyncio.Future[None]] = field(default_factory=list)
    replays: list[tuple[asyncio.Future[None], int, Callable[[int], None]]] = field(default_factory=list)


def answer(synced: asyncio.Future[None], error: ApiError | None = None) -> None:
    """Answer a request, unless its client has left."""
    if synced.done():
        return
    if error is None:
        synced.set_result(None)
    else:
        synced.set_exception(error)


def refuse(waiting: Iterable[asyncio.Future[None]], error: Exception) -> None:
    """Answer requests whose batch failed, each with an exception of its own."""
    for synced in waiting:
        if primary_code(error) == sqlite3.SQLITE_FULL:
            answer(
                synced,
                ResourceExhaustedError("The broker's store is full: nothing of this request was kept."),
            )
        else:
            answer(synced, StoreFailedError(f"The broker's store failed ({error}): try again."))
