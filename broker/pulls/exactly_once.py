"""Acknowledgements of subscriptions with exactly-once delivery: the outcome of each id is answered, once it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.broker.errors import ApiError, InvalidAckIdsError
from rookery.broker.service import proto
from rookery.broker.storage import changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.broker.delivery.dispatcher import Dispatcher
    from rookery.broker.service.catalogue import Catalogue
    from rookery.broker.service.proto import Proto


def check(dispatcher: Dispatcher, ack_ids: Sequence[str]) -> None:
    """Raise InvalidAckIdsError unless every delivery is outstanding.

    A request is done for all its ids or for none: clients take each id that the error does not name for failed.
    """
    outstanding = set(dispatcher.outstanding(ack_ids))
    invalid = [ack_id for ack_id in ack_ids if ack_id not in outstanding]
    if invalid:
        raise InvalidAckIdsError(invalid, sorted(outstanding))


async def acknowledge(catalogue: Catalogue, dispatcher: Dispatcher, ack_ids: Sequence[str]) -> None:
    """End deliveries well, and return once that is stored; raises InvalidAckIdsError and like `MessageStore.change`."""
    check(dispatcher, ack_ids)
    dispatcher.acknowledge(ack_ids)
    await catalogue.save(changes.nothing())


async def confirm(catalogue: Catalogue, dispatcher: Dispatcher, request: Proto) -> Proto:
    """Do what a request of a stream asks for; gives the confirmation of each id."""
    acked = dispatcher.outstanding(request.ack_ids)
    dispatcher.acknowledge(acked)
    wanted = dict(zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True))
    extended = dispatcher.outstanding(list(wanted))
    for ack_id in extended:
        dispatcher.extend([ack_id], wanted[ack_id])
    answer = proto.StreamingPullResponse()
    confirmation = answer.acknowledge_confirmation
    try:
        await catalogue.save(changes.nothing())
        confirmation.ack_ids.extend(acked)
    except ApiError:
        confirmation.temporary_failed_ack_ids.extend(acked)
    _others(confirmation.invalid_ack_ids, request.ack_ids, acked)
    answer.modify_ack_deadline_confirmation.ack_ids.extend(extended)
    _others(answer.modify_ack_deadline_confirmation.invalid_ack_ids, list(wanted), extended)
    if not request.ack_ids:
        answer.ClearField("acknowledge_confirmation")
    if not wanted:
        answer.ClearField("modify_ack_deadline_confirmation")
    return answer


def _others(field: Proto, asked: Sequence[str], done: Sequence[str]) -> None:
    found = set(done)
    field.extend(ack_id for ack_id in dict.fromkeys(asked) if ack_id not in found)
