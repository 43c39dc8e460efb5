"""Replay: rejected readings validated again on this machine, and published where they would pass now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.results.id_set import IdSet
from rookery.results.location import lines
from rookery.schemas.codec import (
    CONTENT_TYPE_ATTRIBUTE,
    SCHEMA_ATTRIBUTE,
    DecodedTable,
    decode,
    decode_reading,
)
from rookery.schemas.contract.reading_classes import AnyReading
from rookery.schemas.envelope import Envelope
from rookery.schemas.identity import known_as
from rookery.schemas.output.printable import printable
from rookery.schemas.rejection import Reason, Rejection, UnusableReadingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from rookery.publisher.client import ReadingPublisher
    from rookery.schemas.contract.compiled import CompiledContract

LINEAGE: Final = "rookery_replay_of"
"""The attribute of a replayed message: the message that its reading was rejected from."""


_TABLE: Final = (Reason(field="original", rule="a reading is needed, not a table: publish its rows anew"),)
_ARROW: Final = b"\xff\xff\xff\xff"
"""How an Arrow stream begins, which is always a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFilter:
    """A filter of rejections; None selects any. `reason` is a part of a reason's text."""

    reading_id: str | None = None
    device: str | None = None
    field: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, one: Rejection) -> bool:
        """Whether the filter selects this rejection."""
        words = self.reason and self.reason.casefold()
        return (
            self.reading_id in (None, one.reading_id)
            and self.device in (None, one.device_id)
            and (self.field is None or any(each.field == self.field for each in one.reasons))
            and (not words or any(words in each.rule.casefold() for each in one.reasons))
            and (self.since is None or one.rejected_at >= self.since)
            and (self.until is None or one.rejected_at <= self.until)
        )


def rejected(uri: str, wanted: ReplayFilter) -> Iterator[Rejection]:
    """The first rejection of each reading that the filter selects; raises UserError."""
    seen = IdSet()
    for one in _with_attributes(lines(uri, Rejection)):
        if wanted.takes(one) and seen.add(known_as(one)):
            yield one


def _with_attributes(found: Iterable[Rejection]) -> Iterator[Rejection]:
    """Give each row of a table its message's attributes, which stand in the first of the message's lines only."""
    first: Rejection | None = None
    for one in found:
        if one.attributes is not None:
            first = one
            yield one
        else:
            known = first is not None and (first.message_id, first.rejected_at) == (
                one.message_id,
                one.rejected_at,
            )
            yield one.model_copy(update={"attributes": first.attributes if first and known else {}})


def original(one: Rejection) -> bytes:
    """The bytes that were rejected; what was written in their place, where that is no base64."""
    try:
        return Envelope(one.message_id, one.original).payload
    except UnusableReadingError:
        return one.original.encode(errors="replace")


def revalidate(one: Rejection, contract: CompiledContract | None = None) -> AnyReading | tuple[Reason, ...]:
    """The reading by a contract (the shipped one without it) under its identity where it would pass now, otherwise every reason, as a worker gives it."""
    decoding = decode if one.row is None else decode_reading
    try:
        payload = Envelope(one.message_id, one.original).payload
        if one.row is None and payload.startswith(_ARROW):
            return _TABLE
        decoded = decoding(payload, contract, version=(one.attributes or {}).get(SCHEMA_ATTRIBUTE))
    except UnusableReadingError as error:
        return error.reasons
    if isinstance(decoded, DecodedTable):
        return _TABLE
    return decoded if decoded.reading_id else decoded.model_copy(update={"reading_id": one.reading_id})


class Replay:
    """Publishes readings again and counts them; without a publisher it only validates."""

    def __init__(
        self, publisher: ReadingPublisher | None = None, contract: CompiledContract | None = None
    ) -> None:
        self._publisher = publisher
        self._contract = contract
        self.passed = 0
        self.still_bad: list[tuple[Rejection, tuple[Reason, ...]]] = []

    def offer(self, one: Rejection) -> None:
        """Validate a rejected reading, and publish it with its lineage; raises PublishError."""
        verdict = revalidate(one, self._contract)
        if not isinstance(verdict, AnyReading):
            self.still_bad.append((one, verdict))
            return
        self.passed += 1
        if self._publisher is not None:
            kept = {
                name: word
                for name, word in (one.attributes or {}).items()
                if not name.startswith(("goog", "rookery_")) and name != CONTENT_TYPE_ATTRIBUTE
            }
            self._publisher.publish(verdict, **{**kept, LINEAGE: one.message_id})


def shown(one: Rejection) -> str:
    """A rejection as text: every field, then the original payload; control characters are escaped."""
    known = one.model_dump(mode="json", exclude={"original"}, exclude_none=True)
    text = original(one).decode(errors="backslashreplace")
    return printable(f"{json.dumps(known, indent=2, ensure_ascii=False)}\n{text}", keep="\n\t")
