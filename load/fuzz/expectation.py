"""Expectation: what the words say of a body, to compare with what a worker did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.schemas.codec import SCHEMA_ATTRIBUTE, decode, peek_identity
from rookery.schemas.envelope import InvalidEnvelopeError, wrapped
from rookery.schemas.identity import identity
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import UnusableReadingError

if TYPE_CHECKING:
    from rookery.schemas.envelope import Envelope


def identities(body: bytes) -> set[str] | None:
    """The identities that a pushed body must end as, each in a prediction or a rejection; None if it is no envelope."""
    try:
        return promised(wrapped(body))
    except InvalidEnvelopeError:
        return None


def promised(envelope: Envelope) -> set[str]:
    """The identities that a message must end as."""
    message = envelope.identity
    try:
        decoded = decode(envelope.payload, version=envelope.attributes.get(SCHEMA_ATTRIBUTE))
    except UnusableReadingError:
        return {_peeked(envelope)}
    if isinstance(decoded, Reading):
        return {identity(decoded.reading_id, message)}
    refused = {identity(each.reading_id, message, each.row) for each in decoded.refused}
    if decoded.table is None:
        return refused
    named = decoded.table.reading_id or [None] * len(decoded.positions)
    return refused | {identity(own, message, row) for own, row in zip(named, decoded.positions, strict=True)}


def _peeked(envelope: Envelope) -> str:
    try:
        reading_id, _ = peek_identity(envelope.payload)
    except UnusableReadingError:
        reading_id = None
    return identity(reading_id, envelope.identity)
