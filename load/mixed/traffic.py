"""MixedTraffic: single readings and tables whose answers are known beforehand, as bodies of Pub/Sub's push."""

from __future__ import annotations

import base64
import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.default import default_contract
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SINGLES: Final = 0.85
"""Share of the messages that are one reading; the others are tables."""

ROWS: Final = (50, 2_000)
"""Least and most rows of a table."""

_SINGLES: Final = 100
_TABLES: Final = 12
_TRACED: Final = 0.1
_ANSWERS_WITHIN_S: Final = 30.0
_TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Payload:
    """The payload of a message, in base64, and the expected label and probability of each row."""

    data: str
    answers: Sequence[tuple[str, float]]


class MixedTraffic:
    """Payloads to draw from, again and again, each time as another message."""

    def __init__(self, payloads: Sequence[Payload]) -> None:
        """Store the payloads, single readings and tables in any order."""
        self.payloads = payloads
        self._singles = [nth for nth, each in enumerate(payloads) if len(each.answers) == 1]
        self._tables = [nth for nth, each in enumerate(payloads) if len(each.answers) > 1]

    def draw(self, dice: Random) -> int:
        """The number of one payload, a table's as often as tables are to come."""
        return dice.choice(self._singles if dice.random() < SINGLES else self._tables)

    def body(self, nth: int, message_id: str, dice: Random) -> bytes:
        """A push of one payload; some are traced."""
        message = {"data": self.payloads[nth].data, "messageId": message_id}
        if dice.random() < _TRACED:
            message |= {"attributes": {"googclient_traceparent": _TRACE}}  # type: ignore[dict-item]  # nested once
        return json.dumps({"message": message, "subscription": "projects/p/subscriptions/mixed"}).encode()


def answered_traffic(address: str, dice: Random) -> MixedTraffic:
    """Make payloads and ask the worker at an address what their rows are, by its `/predict`; raises OSError."""
    factory = ReadingFactory(dice.getrandbits(32))
    singles: list[dict[str, Any]] = [factory.fields() for _ in range(_SINGLES)]
    tables = [factory.table(dice.randint(*ROWS)).model_dump(exclude_none=True) for _ in range(_TABLES)]
    return MixedTraffic([_answered(address, json.dumps(each).encode()) for each in (*singles, *tables)])


def _answered(address: str, payload: bytes) -> Payload:
    request = urllib.request.Request(f"{address}/predict", data=payload)  # noqa: S310  http on loopback only
    with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310  the same
        said = json.load(answer)["predictions"]
    return Payload(
        data=base64.b64encode(payload).decode(),
        answers=[(each[default_contract().target], each["probability"]) for each in said],
    )
