"""Identity: what a reading is known by, wherever it is compared: window, lines, readers, ledger and page.

A `reading_id` of its own identifies a reading for ever. Where there is none the message stands in: by its id, its
subscription and its publish time, for a message id is one topic's own, and a broker for tests numbers from 1 again
after each start. A redelivery repeats all three.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS: Final = 86_400
_LONGEST: Final = 1_000
"""Characters of a subscription that is remembered, three times what Pub/Sub allows: others would fill the memory."""

_STAND_IN: Final = re.compile(r"-[0-9a-f]{8}--?[0-9a-f]+")


def identity(reading_id: str | None, message: str, row: int | None = None) -> str:
    """A reading's own id, or its message's identity, with the row where it came in a table."""
    if reading_id is not None:
        return reading_id
    return message if row is None else f"{message}/{row}"


def published(message_id: str, subscription: str, at: datetime) -> str:
    """The identity of a message that says when it was published: all of its deliveries have the same."""
    delivered = _delivered if len(subscription) <= _LONGEST else _delivered.__wrapped__
    return f"{message_id}{delivered(subscription, at)}"


def undated(message_id: str, subscription: str, payload: bytes) -> str:
    """The identity of a message that does not: equal payloads under one id are taken for one message."""
    digest = hashlib.blake2b(payload, digest_size=8).hexdigest()
    return f"{message_id}-{_short(subscription)}-{digest}"


# Messages that come together were often published in one millisecond: half a microsecond less for each of the others.
@lru_cache(maxsize=1_024)
def _delivered(subscription: str, at: datetime) -> str:
    since = at - _EPOCH
    microseconds = (since.days * _DAY_SECONDS + since.seconds) * 1_000_000 + since.microseconds
    return f"-{_short(subscription)}-{microseconds}"


def _short(subscription: str) -> str:
    return _remembered(subscription) if len(subscription) <= _LONGEST else _digest(subscription)


def _digest(subscription: str) -> str:
    return hashlib.blake2b(subscription.encode(errors="replace"), digest_size=4).hexdigest()


_remembered: Final = lru_cache(maxsize=256)(_digest)


def stands_in(line: Prediction | Rejection) -> bool:
    """Whether a line's `reading_id` is its message's, in the form of this version or an earlier one (the bare id)."""
    message = line.reading_id if line.row is None else line.reading_id.removesuffix(f"/{line.row}")
    rest = message.removeprefix(line.message_id)
    return len(rest) < len(message) and (not rest or _STAND_IN.fullmatch(rest) is not None)


def known_as(line: Prediction | Rejection) -> str:
    """The identity of a line's reading among all lines.

    In lines of earlier versions a bare message id may stand for several messages; their publish times tell these apart.
    """
    if line.reading_id != identity(None, line.message_id, line.row):
        return line.reading_id
    return f"{line.reading_id} {line.published_at}"
