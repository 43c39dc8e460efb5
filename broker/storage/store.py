"""Group commit: many publishes, acknowledgements and changes share one transaction and one sync."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final

from rookery.broker.errors import ApiError, ResourceExhaustedError, StoreFailedError
from rookery.broker.storage.database import DAMAGED, FILE_NAME, Database, primary_code
from rookery.broker.storage.errors import StoreDamagedError
from rookery.broker.storage.journal import SubscriptionJournal
from rookery.broker.storage.write_batch import WriteBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from rookery.broker.scheduling.messages import StoredMessage
    from rookery.broker.storage.rows import HeldRow
    from rookery.broker.storage.write_batch import ConfigChange

log: Final = logging.getLogger(__name__)

LAZY_SECONDS: Final = 0.1
"""How long acknowledgements wait at most for a publish that syncs them as well."""
MAX_STORE_BYTES: Final = 10 * 1_024**3
RETRY_SECONDS: Final = 1.0
"""How long acknowledgements wait after a failed sync."""


@dataclass(slots=True)
class _Waiting:
    """Requests that wait for the next batch, each with its change and its caller."""

    batch: WriteBatch = field(default_factory=WriteBatch)
    publishes: list[tuple[asyncio.Future[None], Callable[[], None]]] = field(default_factory=list)
    changes: list[asyncio.Future[None]] = field(default_factory=list)


class MessageStore:
    """The store of a folder, open while the context is; written by one thread, used from one event loop.

    A failed sync refuses the requests that waited for it with RESOURCE_EXHAUSTED (disk or store full) or UNAVAILABLE,
    and keeps the lazy writes for the next one. `failed` has a StoreDamagedError as its result once the file is found damaged.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_STORE_BYTES) -> None:
        self.path = folder / FILE_NAME
        self._folder = folder
        self._max_bytes = max_bytes
        self._waiting = _Waiting()
        self._dirty: set[SubscriptionJournal] = set()
        self._wanted = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._closing = False
        self._healthy = True

    async def __aenter__(self) -> Self:
        """Open the file and begin to write; raises BrokerStoreError or OSError."""
        self._database = Database.open(self._folder, max_bytes=self._max_bytes)
        try:
            self.config = self._database.config()
        except BaseException:
            self._database.close()
            raise
        self._numbers = count(self.config.next_number)
        self.failed: asyncio.Future[StoreDamagedError] = asyncio.get_running_loop().create_future()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="broker store")
        self._writer = asyncio.create_task(self._write(), name="broker store")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sync what is left and close the file."""
        self._closing = True
        self._wanted.set()
        await self._writer
        if self._alarm is not None:
            self._alarm.cancel()
        if self._dirty:
            log.error(
                "the store %s could not be synced: some acknowledged messages are redelivered", self.path
            )
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.close)
        self._thread.shutdown()

    def messages(self, number: int) -> Iterator[HeldRow]:
        """Read what a stored subscription holds, oldest first; raises StoreDamagedError."""
        return self._database.messages(number)

    def journal(self, number: int | None = None) -> SubscriptionJournal:
        """Give the journal of a stored subscription, or of a new one."""
        return SubscriptionJournal(next(self._numbers) if number is None else number, self._note)

    async def publish(
        self,
        messages: Sequence[StoredMessage],
        numbers: Sequence[int],
        then: Callable[[], None],
    ) -> None:
        """Return once the messages are synced for every subscription; `then` is called before, in order of the calls.

        It is called even where the caller is cancelled meanwhile. Raises ResourceExhaustedError or StoreFailedError.
        """
        waiting = self._waiting
        for number in numbers:
            waiting.batch.published.setdefault(number, []).extend(messages)
        waiting.batch.highest_id = int(messages[-1].message_id)
        synced = asyncio.get_running_loop().create_future()
        waiting.publishes.append((synced, then))
        self._wanted.set()
        await synced

    async def change(self, change: ConfigChange) -> None:
        """Return once a change of topics or subscriptions is synced; raises like `publish`."""
        self._waiting.batch.changes.append(change)
        synced = asyncio.get_running_loop().create_future()
        self._waiting.changes.append(synced)
        self._wanted.set()
        await synced

    def _note(self, journal: SubscriptionJournal) -> None:
        self._dirty.add(journal)
        self._wake_in(LAZY_SECONDS)

    def _wake_in(self, seconds: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._wanted.set()

    async def _write(self) -> None:
        while not self._closing:
            await self._wanted.wait()
            self._wanted.clear()
            await self._write_once()
        await self._write_once()

    async def _write_once(self) -> None:
        waiting, self._waiting = self._waiting, _Waiting()
        journals, self._dirty = self._dirty, set()
        if not (waiting.publishes or waiting.changes or journals):
            return
        waiting.batch.lazy = {journal.number: journal.take() for journal in journals}
        error = await self._apply(waiting.batch)
        if error is not None and waiting.publishes:
            # Acknowledgements free the space that the messages lack, and must not fail with them.
            self._refuse([synced for synced, _ in waiting.publishes], error)
            waiting.publishes, waiting.batch.published = [], {}
            error = await self._apply(waiting.batch)
        if error is not None:
            self._refuse(waiting.changes, error)
            for journal in journals:
                journal.put_back(waiting.batch.lazy[journal.number])
            self._wake_in(RETRY_SECONDS)
            return
        self._confirm(waiting)

    async def _apply(self, batch: WriteBatch) -> Exception | None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._database.apply, batch)
        except Exception as error:
            if self._healthy:
                log.exception("the store %s failed, and requests are refused", self.path)
            self._healthy = False
            if primary_code(error) in DAMAGED and not self.failed.done():
                self.failed.set_result(StoreDamagedError(self.path, error))
            return error
        if not self._healthy and batch.published:
            log.warning("the store %s takes messages again", self.path)
            self._healthy = True
        return None

    def _confirm(self, waiting: _Waiting) -> None:
        for synced, then in waiting.publishes:
            try:
                then()
            except Exception:  # its messages are stored, and delivered after the next start
                log.exception("messages were stored and cannot be delivered now")
            _answer(synced, None)
        for synced in waiting.changes:
            _answer(synced, None)

    def _refuse(self, waiting: list[asyncio.Future[None]], error: Exception) -> None:
        for synced in waiting:
            if primary_code(error) == sqlite3.SQLITE_FULL:
                _answer(
                    synced,
                    ResourceExhaustedError("The broker's store is full: nothing of this request was kept."),
                )
            else:
                _answer(synced, StoreFailedError(f"The broker's store failed ({error}): try again."))


def _answer(synced: asyncio.Future[None], error: ApiError | None) -> None:
    """Answer a request, unless its client has left."""
    if synced.done():
        return
    if error is None:
        synced.set_result(None)
    else:
        synced.set_exception(error)
