"""Pull and StreamingPull: deliveries as Google's messages, and the rules on who may pull how."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rookery.broker.delivery.dispatcher import PullRequest
from rookery.broker.errors import InvalidArgumentError
from rookery.broker.pulls import exactly_once
from rookery.broker.scheduling.ordering import Holder
from rookery.broker.service import proto

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import TypeAlias

    from rookery.broker.delivery.dispatcher import Dispatcher
    from rookery.broker.scheduling.messages import Delivery
    from rookery.broker.service.catalogue import Catalogue
    from rookery.broker.service.proto import Proto

    Write: TypeAlias = Callable[[Proto], Awaitable[None]]

MAX_PULL_MESSAGES: Final = 1_000
PULL_WAIT_SECONDS: Final = 10.0
"""How long a unary pull waits for a message before it answers with none."""
_SHORTEST_STREAM_DEADLINE: Final = 10
_LONGEST_DEADLINE: Final = 600


async def pull(catalogue: Catalogue, request: Proto) -> Proto:
    """Answer one unary pull."""
    if request.max_messages < 1:
        raise InvalidArgumentError(f"max_messages is {request.max_messages}, needed is 1 or more.")
    dispatcher = _pullable(catalogue, request.subscription)
    order = PullRequest(min(request.max_messages, MAX_PULL_MESSAGES))
    deliveries = (
        dispatcher.pull_now(order)
        if request.return_immediately
        else await dispatcher.pull(order, timeout=PULL_WAIT_SECONDS)
    )
    return proto.PullResponse(received_messages=received(dispatcher, deliveries))


async def acknowledge(catalogue: Catalogue, request: Proto) -> None:
    """End deliveries well."""
    dispatcher = catalogue.dispatcher(request.subscription)
    if dispatcher.subscription.rules.exactly_once:
        await exactly_once.acknowledge(catalogue, dispatcher, request.ack_ids)
    else:
        dispatcher.acknowledge(request.ack_ids)


def modify_ack_deadline(catalogue: Catalogue, request: Proto) -> None:
    """Extend or fail deliveries."""
    dispatcher = catalogue.dispatcher(request.subscription)
    _check_deadline(request.ack_deadline_seconds)
    if dispatcher.subscription.rules.exactly_once:
        exactly_once.check(dispatcher, request.ack_ids)
    dispatcher.extend(request.ack_ids, request.ack_deadline_seconds)


async def stream(catalogue: Catalogue, requests: AsyncIterator[Proto], write: Write) -> None:
    """Answer one StreamingPull until the client closes it.

    Raises NotFoundError when the subscription is deleted, FailedPreconditionError when it is turned to push.
    """
    first = await anext(requests, None)
    if first is None:
        return
    dispatcher = _pullable(catalogue, first.subscription)
    seconds = first.stream_ack_deadline_seconds
    if not _SHORTEST_STREAM_DEADLINE <= seconds <= _LONGEST_DEADLINE:
        raise InvalidArgumentError(f"stream_ack_deadline_seconds is {seconds}, needed is 10 to 600.")
    holder = Holder(max(0, first.max_outstanding_messages), max(0, first.max_outstanding_bytes))
    one_at_a_time = asyncio.Lock()

    async def answer(response: Proto) -> None:
        # Deliveries and confirmations come from two tasks, and gRPC takes one message at a time.
        async with one_at_a_time:
            await write(response)

    await _apply(catalogue, dispatcher, first, answer)
    reading = _read(catalogue, dispatcher, requests, answer)
    reader = asyncio.create_task(reading, name=f"stream acks {dispatcher.name}")
    order = PullRequest(MAX_PULL_MESSAGES, holder, float(seconds))
    writer = asyncio.create_task(_write(dispatcher, order, answer), name=f"stream {dispatcher.name}")
    await _first_of(reader, writer)


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    """Wait for one task to end, end the others, and raise what it raised."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _read(
    catalogue: Catalogue, dispatcher: Dispatcher, requests: AsyncIterator[Proto], write: Write
) -> None:
    async for request in requests:
        if request.subscription:
            raise InvalidArgumentError("Only the first request of a stream names the subscription.")
        await _apply(catalogue, dispatcher, request, write)


async def _apply(catalogue: Catalogue, dispatcher: Dispatcher, request: Proto, write: Write) -> None:
    if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
        raise InvalidArgumentError("modify_deadline_ack_ids and modify_deadline_seconds differ in length.")
    for seconds in request.modify_deadline_seconds:
        _check_deadline(seconds)
    if dispatcher.subscription.rules.exactly_once:
        if request.ack_ids or request.modify_deadline_ack_ids:
            await write(await exactly_once.confirm(catalogue, dispatcher, request))
        return
    dispatcher.acknowledge(request.ack_ids)
    for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
        dispatcher.extend([ack_id], seconds)


async def _write(dispatcher: Dispatcher, order: PullRequest, write: Write) -> None:
    while True:
        deliveries = await dispatcher.pull(order, timeout=None)
        rules = dispatcher.subscription.rules
        properties = proto.StreamingPullResponse.SubscriptionProperties(
            message_ordering_enabled=rules.ordered, exactly_once_delivery_enabled=rules.exactly_once
        )
        await write(
            proto.StreamingPullResponse(
                received_messages=received(dispatcher, deliveries), subscription_properties=properties
            )
        )


def _check_deadline(seconds: int) -> None:
    if not 0 <= seconds <= _LONGEST_DEADLINE:
        raise InvalidArgumentError(f"ack_deadline_seconds is {seconds}, needed is 0 to 600.")


def _pullable(catalogue: Catalogue, name: str) -> Dispatcher:
    dispatcher = catalogue.dispatcher(name)
    dispatcher.check_pullable()
    return dispatcher


def received(dispatcher: Dispatcher, deliveries: list[Delivery]) -> list[Proto]:
    """Write deliveries as ReceivedMessage; the attempt only where there is a dead-letter policy."""
    with_attempt = dispatcher.subscription.rules.dead_letter is not None
    return [
        proto.ReceivedMessage(
            ack_id=delivery.ack_id,
            message=_message(delivery),
            delivery_attempt=delivery.attempt if with_attempt else 0,
        )
        for delivery in deliveries
    ]


def _message(delivery: Delivery) -> Proto:
    message = delivery.message
    written = proto.PubsubMessage(
        data=message.data,
        attributes=message.attributes,
        message_id=message.message_id,
        ordering_key=message.ordering_key,
    )
    milliseconds = int(message.published_at * 1_000)
    written.publish_time.seconds = milliseconds // 1_000
    written.publish_time.nanos = milliseconds % 1_000 * 1_000_000
    return written
