"""Update masks: changed copies of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.broker.errors import InvalidArgumentError

if TYPE_CHECKING:
    from google.protobuf.field_mask_pb2 import FieldMask

    from rookery.broker.service.proto import Proto


def copied(resource: Proto) -> Proto:
    """Copy a resource."""
    found = type(resource)()
    found.CopyFrom(resource)
    return found


def merged(stored: Proto, wanted: Proto, mask: FieldMask, *, mutable: frozenset[str]) -> Proto:
    """Copy a stored resource with the masked fields of another one; raises InvalidArgumentError."""
    if not mask.paths:
        raise InvalidArgumentError("update_mask needs at least one field.")
    fixed = [path for path in mask.paths if path.partition(".")[0] not in mutable]
    if fixed:
        raise InvalidArgumentError(f"update_mask names what cannot be changed here: {', '.join(fixed)}.")
    changed = copied(stored)
    try:
        mask.MergeMessage(wanted, changed, replace_message_field=True, replace_repeated_field=True)
    except ValueError as error:
        raise InvalidArgumentError(f"update_mask: {error}.") from None
    return changed
