"""Group commit: many publishes, acknowledgements and changes share one transaction and one sync."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from rookery.broker.storage.database import DAMAGED, FILE_NAME, Database, primary_code
from rookery.broker.storage.errors import BrokerStoreError, StoreDamagedError, StoreUnavailableError
from rookery.broker.storage.journal import SubscriptionJournal
from rookery.broker.storage.waiting import WaitingRequests, answer, refuse
from rookery.broker.storage.write_batch import LazyWrites, LogWrites

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from rookery.broker.scheduling.messages import RestoredMessage, StoredMessage
    from rookery.broker.storage.write_batch import ConfigChange, SeekWrite, WriteBatch

log: Final = logging.getLogger(__name__)

LAZY_SECONDS: Final = 0.1
"""How long acknowledgements wait at most for a publish that syncs them as well."""
MAX_STORE_BYTES: Final = 10 * 1_024**3
RETRY_SECONDS: Final = 1.0
"""How long acknowledgements wait after a failed sync."""


class MessageStore:
    """The store of a folder, open while the context is; written by one thread, used from one event loop.

    A failed sync refuses the requests that waited for it with RESOURCE_EXHAUSTED (disk or store full) or UNAVAILABLE,
    and keeps the lazy writes for the next one. `failed` has an error as its result once the file is found damaged
    or nothing can be written any more.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_STORE_BYTES) -> None:
        self.path = folder / FILE_NAME
        self._folder = folder
        self._max_bytes = max_bytes
        self._waiting = WaitingRequests()
        self._dirty: set[SubscriptionJournal] = set()
        self._wanted = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._closing = False
        self._healthy = True
        self._stalled = False

    async def __aenter__(self) -> Self:
        """Open the file and begin to write; raises BrokerStoreError."""
        self._database = Database.open(self._folder, max_bytes=self._max_bytes)
        try:
            self.config = self._database.config()
        except BaseException:
            self._database.close()
            raise
        self._numbers = count(self.config.next_number)
        self.failed: asyncio.Future[BrokerStoreError] = asyncio.get_running_loop().create_future()
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

    def count(self, number: int) -> int:
        """Count what a stored subscription holds; only before the first write. Raises StoreDamagedError."""
        return self._database.count(number)

    def first_page(self, number: int) -> list[RestoredMessage]:
        """Read the oldest messages of a stored subscription; only before the first write. Raises StoreDamagedError."""
        return self._database.page(number, 0)

    def journal(self, number: int | None = None) -> SubscriptionJournal:
        """Give the journal of a stored subscription, or of a new one."""
        return SubscriptionJournal(next(self._numbers) if number is None else number, self._note)

    async def publish(
        self,
        messages: Sequence[StoredMessage],
        wanted: Mapping[int, Sequence[StoredMessage]],
        then: Callable[[], None],
    ) -> None:
        """Return once new messages are synced; `then` is called before, in order of the calls.

        `wanted` has the messages for each subscription, by its number. `then` is called even where the caller is cancelled meanwhile. Raises ResourceExhaustedError or StoreFailedError.
        """
        waiting = self._waiting
        for number, each in wanted.items():
            waiting.batch.published.setdefault(number, []).extend(each)
        waiting.batch.highest_id = int(messages[-1].message_id)
        synced = asyncio.get_running_loop().create_future()
        waiting.publishes.append((synced, int(messages[0].message_id), then))
        self._wanted.set()
        await synced

    async def change(self, change: ConfigChange) -> None:
        """Return once a change of topics or subscriptions is synced; raises like `publish`."""
        self._waiting.batch.changes.append(change)
        synced = asyncio.get_running_loop().create_future()
        self._waiting.changes.append(synced)
        self._wanted.set()
        await synced

    async def replay(self, replay: SeekWrite, then: Callable[[int], None]) -> None:
        """Return once a seek is synced; `then` is called before, with the number of messages that are held now.

        Raises like `publish`.
        """
        self._waiting.batch.replays.append(replay)
        synced = asyncio.get_running_loop().create_future()
        self._waiting.replays.append((synced, replay.number, then))
        self._wanted.set()
        await synced

    def keep(self, topic: str, messages: Sequence[StoredMessage], *, oldest: float) -> None:
        """Write messages to a topic's log with the next batch, and delete some that are older than `oldest`."""
        log = self._waiting.batch.logs.setdefault(topic, LogWrites())
        log.messages += messages
        log.oldest = oldest
        self._wake_in(LAZY_SECONDS)

    def drop_log(self, topic: str) -> None:
        """Delete a topic's log with the next batch."""
        self._waiting.batch.logs[topic] = LogWrites(dropped=True)
        self._wake_in(LAZY_SECONDS)

    def _note(self, journal: SubscriptionJournal) -> None:
        self._dirty.add(journal)
        if journal.wanted_after is not None and not self._stalled:
            self._wanted.set()
        else:
            self._wake_in(LAZY_SECONDS)

    def _wake_in(self, seconds: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._wanted.set()

    async def _write(self) -> None:
        try:
            while not self._closing:
                await self._wanted.wait()
                self._wanted.clear()
                await self._write_once()
            await self._write_once()
        except (
            Exception
        ) as error:  # without a writer nothing can be kept: better an end than clients that wait
            log.exception("the writer of the store %s failed", self.path)
            self._end(StoreUnavailableError(self.path, error))

    async def _write_once(self) -> None:
        waiting, self._waiting = self._waiting, WaitingRequests()
        journals, self._dirty = self._dirty, set()
        batch = waiting.batch
        if not (waiting.publishes or waiting.changes or journals or batch):
            return
        batch.lazy = {journal.number: lazy for journal in journals if (lazy := journal.take())}
        error = await self._apply(batch)
        if error is not None and waiting.publishes:
            # Acknowledgements free the space that the messages lack, and must not fail with them.
            refuse([synced for synced, _, _ in waiting.publishes], error)
            waiting.publishes = []
            batch.drop_messages()
            error = await self._apply(batch)
        self._stalled = error is not None
        if error is not None:
            refuse([*waiting.changes, *(synced for synced, _, _ in waiting.replays)], error)
            for journal in journals:
                journal.put_back(batch.lazy.get(journal.number, LazyWrites()))
            self._wake_in(RETRY_SECONDS)
            return
        self._confirm(waiting, journals)
        await self._confirm_replays(waiting)
        await self._load_pages(journals)

    async def _confirm_replays(self, waiting: WaitingRequests) -> None:
        """Have each subscription that sought begin anew: after the offers of the batch, which the store has too."""
        for synced, number, then in waiting.replays:
            loop = asyncio.get_running_loop()
            try:
                then(await loop.run_in_executor(self._thread, self._database.count, number))
            except BrokerStoreError as error:
                self._end(error)
            answer(synced)

    async def _load_pages(self, journals: set[SubscriptionJournal]) -> None:
        """Read for each subscription that wants more: after the batch, so that it finds what was confirmed with it."""
        for journal in journals:
            after, journal.wanted_after = journal.wanted_after, None
            if after is None:
                continue
            loop = asyncio.get_running_loop()
            try:
                page = await loop.run_in_executor(self._thread, self._database.page, journal.number, after)
            except BrokerStoreError as error:
                self._end(error)
            else:
                if journal.reader is not None:
                    journal.reader.load(page)

    def _end(self, error: BrokerStoreError) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    async def _apply(self, batch: WriteBatch) -> Exception | None:
        if not batch:
            return None
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._database.apply, batch)
        except Exception as error:
            if self._healthy:
                log.exception("the store %s failed, and requests are refused", self.path)
            self._healthy = False
            if primary_code(error) in DAMAGED or isinstance(error, ValueError):
                self._end(StoreDamagedError(self.path, error))
            return error
        if not self._healthy and batch.published:
            log.warning("the store %s takes messages again", self.path)
            self._healthy = True
        return None

    def _confirm(self, waiting: WaitingRequests, journals: set[SubscriptionJournal]) -> None:
        """Offer what is stored now, in the order of the ids, and answer the requests."""
        offers = [(ident, then) for _, ident, then in waiting.publishes]
        for journal in journals:
            lazy = waiting.batch.lazy.get(journal.number)
            if lazy is not None and lazy.added and journal.reader is not None:
                offers += [(ident, partial(journal.reader.offer, each)) for ident, each in lazy.added.items()]
        for _, offer in sorted(offers, key=itemgetter(0)):
            try:
                offer()
            except Exception:  # its messages are stored, and delivered after the next start
                log.exception("messages were stored and cannot be delivered now")
        for synced in (*(synced for synced, _, _ in waiting.publishes), *waiting.changes):
            answer(synced)
