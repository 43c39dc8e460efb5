"""Dispatcher of one subscription: sends its pushes, answers its pulls and runs its timers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.broker.errors import ApiError, FailedPreconditionError, NotFoundError
from rookery.broker.scheduling.messages import RestoredMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rookery.broker.delivery.push import Endpoint, Pusher
    from rookery.broker.scheduling.messages import Delivery, StoredMessage
    from rookery.broker.scheduling.ordering import Holder
    from rookery.broker.scheduling.rules import Rules
    from rookery.broker.scheduling.subscription import Subscription

log: Final = logging.getLogger(__name__)

MAX_PULL_BYTES: Final = 10_000_000
"""Most bytes in one pull response; a single larger message is sent alone."""
_DEFECT_PAUSE_SECONDS: Final = 1.0
"""How long a dispatcher rests after a defect, so that one that stays fills no log and no CPU."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One pull: at most `limit` messages, within the flow control of `holder`, for `deadline` seconds (None: default)."""

    limit: int
    holder: Holder | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class _WaitingPull:
    order: PullRequest
    answer: asyncio.Future[list[Delivery]]


class Dispatcher:
    """Drive one subscription's state machine; `endpoint` is None for pull and may change at any time.

    `retains_since` is when the subscription began to retain acknowledged messages, in seconds since 1970.

    A defect costs the push or the moment that it happens in, and a line in the log; the dispatcher goes on.
    """

    def __init__(
        self,
        name: str,
        subscription: Subscription,
        *,
        endpoint: Endpoint | None,
        pusher: Pusher,
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self.subscription = subscription
        self.endpoint = endpoint
        self.detached = False
        self.retains_since = 0.0
        self._used_at = clock()
        self._pusher = pusher
        self._clock = clock
        self._bell = asyncio.Event()
        self._pulls: deque[_WaitingPull] = deque()
        self._senders: set[asyncio.Task[None]] = set()
        self._driver: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to push and to answer pulls."""
        self.subscription.changed = self._bell.set
        self._driver = asyncio.create_task(self._drive(), name=f"dispatcher {self.name}")

    async def close(self) -> None:
        """Stop at once and release every message; pulls in progress end with NOT_FOUND."""
        self._closed = True
        self._refuse_pulls()
        tasks = [*self._senders, *([self._driver] if self._driver else [])]
        self._driver = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._senders.clear()
        self.subscription.changed = lambda: None
        self.subscription.clear()

    def turn(self, rules: Rules, endpoint: Endpoint | None) -> None:
        """Apply new rules and a new endpoint; when the subscription becomes push, waiting pulls are refused."""
        self.subscription.rules, self.endpoint = rules, endpoint
        self._used_at = self._clock()
        self._refuse_pulls()
        self._bell.set()

    def detach(self) -> None:
        """Drop every message, and refuse pulls from now on."""
        self.detached = True
        self.clear()
        self._refuse_pulls()
        self._bell.set()

    def replay(self, kept: Sequence[StoredMessage], since: float) -> None:
        """Hold what was published at `since` (in seconds since 1970) or later: what is held now, and acknowledged messages."""
        held = {each.message.message_id: each for each in self.subscription.unacknowledged(since)}
        for message in kept:
            held.setdefault(message.message_id, RestoredMessage(message, 0))
        self.clear()
        self.load(sorted(held.values(), key=lambda each: int(each.message.message_id)))

    def begin_anew(self, count: int) -> None:
        """Read all messages from the store, which holds so many."""
        self.clear()
        if self.subscription.disk is not None:
            self.subscription.disk.count = count
        self._bell.set()

    def clear(self) -> None:
        """Drop every message, whose rows in the store are deleted or others by now."""
        self.subscription.clear()
        if self.subscription.journal is not None:
            self.subscription.journal.forget()

    def idle_seconds(self, now: float) -> float:
        """Say for how long no client pulled, acknowledged, extended, took a push or changed the subscription."""
        return 0.0 if self._pulls else now - self._used_at

    def offer(self, message: StoredMessage) -> None:
        """Take in a message that was stored now."""
        self.subscription.offer([message], self._clock())

    def load(self, page: list[RestoredMessage]) -> None:
        """Take in the next messages from disk."""
        self.subscription.load(page, self._clock(), wall=time.time())

    def check_pullable(self) -> None:
        """Raise NotFoundError or FailedPreconditionError where there is nothing to pull from."""
        if (refusal := self._refusal()) is not None:
            raise refusal

    def _refusal(self) -> ApiError | None:
        if self._closed:
            return NotFoundError(f"Subscription does not exist (resource={self.name}).")
        if self.detached:
            return FailedPreconditionError(f"Subscription is detached from its topic (resource={self.name}).")
        if self.subscription.rules.push:
            return FailedPreconditionError(
                f"Subscription pushes and cannot be pulled (resource={self.name})."
            )
        return None

    def _refuse_pulls(self) -> None:
        """Refuse every waiting pull, each with an exception of its own."""
        for waiting in list(self._pulls):
            refusal = self._refusal()
            if refusal is not None:
                self._pulls.remove(waiting)
                if not waiting.answer.done():
                    waiting.answer.set_exception(refusal)

    def outstanding(self, ack_ids: Iterable[str]) -> list[str]:
        """Give the ids, without repetitions, of the deliveries that are neither acknowledged nor failed by now."""
        self.subscription.tick(self._clock())
        return [ack_id for ack_id in dict.fromkeys(ack_ids) if ack_id in self.subscription.leases]

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """End deliveries well; those that ended already are passed over, as Google does."""
        now = self._used_at = self._clock()
        for ack_id in ack_ids:
            self.subscription.ack(ack_id, now)
        self._bell.set()

    def extend(self, ack_ids: Iterable[str], seconds: float) -> None:
        """Let deliveries last `seconds` from now; 0 fails them."""
        now = self._used_at = self._clock()
        for ack_id in ack_ids:
            self.subscription.extend(ack_id, seconds, now)
        self._bell.set()

    def pull_now(self, order: PullRequest) -> list[Delivery]:
        """Take what is there, without waiting."""
        self._used_at = self._clock()
        return self._take(order, self._used_at)

    async def pull(self, order: PullRequest, *, timeout: float | None) -> list[Delivery]:  # noqa: ASYNC109  an answer, not an error
        """Wait for deliveries, at most `timeout` seconds (None: for ever); empty when time is up.

        Raises NotFoundError or FailedPreconditionError where the subscription is, or comes to be, gone or pushed.
        """
        self.check_pullable()
        waiting = _WaitingPull(order, asyncio.get_running_loop().create_future())
        self._pulls.append(waiting)
        self._bell.set()
        try:
            async with asyncio.timeout(timeout):
                return await waiting.answer
        except TimeoutError:
            return self._late(waiting)
        except asyncio.CancelledError:
            # The last one first: of a key, the end of an earlier one ends the later ones, and they are no attempts.
            for delivery in reversed(self._late(waiting)):
                self.subscription.give_back(delivery.ack_id, self._clock())
            raise

    def _late(self, waiting: _WaitingPull) -> list[Delivery]:
        """Take back an order; gives what was handed out in the very moment of leaving."""
        answer = waiting.answer
        self._used_at = self._clock()
        if waiting in self._pulls:
            self._pulls.remove(waiting)
        return answer.result() if answer.done() and not answer.cancelled() and not answer.exception() else []

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._bell.clear()
            now = self._clock()
            wake_at = self._serve(now)
            alarm = None if wake_at is None else loop.call_later(max(0.0, wake_at - now), self._bell.set)
            try:
                await self._bell.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()

    def _serve(self, now: float) -> float | None:
        """Do what may be done now; gives when to look again, if nothing happens before."""
        try:
            if self.subscription.rules.push:
                self._push(self.subscription.take(now))
            else:
                self.subscription.tick(now)
                self._answer_pulls(now)
            times = (self.subscription.wake_at(now), self.subscription.outdated_at())
        except Exception:  # a defect of one subscription is not the end of the others
            log.exception("subscription %s failed, retrying", self.name)
            return now + _DEFECT_PAUSE_SECONDS
        return min((time for time in times if time is not None), default=None)

    def _answer_pulls(self, now: float) -> None:
        """Answer waiting pulls in order of arrival; a stream at its flow-control limit waits on."""
        for _ in range(len(self._pulls)):
            waiting = self._pulls.popleft()
            if waiting.answer.done():
                continue
            if taken := self._take(waiting.order, now):
                waiting.answer.set_result(taken)
            else:
                self._pulls.append(waiting)

    def _take(self, order: PullRequest, now: float) -> list[Delivery]:
        return self.subscription.take(
            now, order.limit, max_bytes=MAX_PULL_BYTES, holder=order.holder, deadline=order.deadline
        )

    def _push(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            task = asyncio.create_task(self._send(delivery))
            self._senders.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._senders.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            # Its delivery expires with its lease and is pushed again.
            log.error("a push of subscription %s failed", self.name, exc_info=defect)

    async def _send(self, delivery: Delivery) -> None:
        """Push one delivery, then the deliveries that its end admits to the push window."""
        following = [delivery]
        while following:
            first, *others = following
            self._push(others)
            following = await self._push_one(first)

    async def _push_one(self, delivery: Delivery) -> list[Delivery]:
        """Push one delivery and settle it; gives what may go out now."""
        if self.endpoint is None:
            self.subscription.give_back(delivery.ack_id, self._clock())
            return []
        acked = await self._pusher.post(delivery, self.endpoint)
        now = self._clock()
        if acked:
            self._used_at = now
            self.subscription.ack(delivery.ack_id, now)
        else:
            self.subscription.nack(delivery.ack_id, now)
        return self.subscription.take(now) if self.subscription.rules.push else []
