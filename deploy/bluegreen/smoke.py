"""Smoke: real push envelopes with known readings, sent to the green revision alone through its own tag."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bluegreen.errors import UnhealthyRevisionError
from bluegreen.web import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluegreen.known_reading import KnownReading

DEVICE: Final = "release-smoke"
"""The device that every smoke reading is from, so that reports can leave it out."""

ACKNOWLEDGED: Final = 204
NO_ENVELOPE: Final = 400
DENIED: Final = (401, 403)
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Smoke:
    """The tests of one green revision; `model` is the name of the model that must answer, None for any."""

    url: str
    revision: str
    model: str | None
    known: Sequence[KnownReading]
    token: str | None = None

    def run(self) -> None:
        """Try everything once; raises UnhealthyRevisionError with the first thing that is wrong."""
        self.answers()
        self.pushes("first")
        self._expect("a push that is no envelope", self._post("/", b"{}").status, NO_ENVELOPE)
        if self.token:
            status = ask("POST", f"{self.url}/", body=self._envelope(self.known[0].fields, "denied")).status
            self._expect("a push without a token", status, *DENIED)

    def answers(self) -> None:
        """Classify known readings; raises UnhealthyRevisionError for a wrong answer or another model."""
        for known in self.known:
            answer = self._post("/predict", json.dumps(known.fields).encode())
            self._expect(f"asked for {known.target} {known.label}", answer.status, _OK)
            (prediction,) = answer.json()["predictions"]
            self._same(known.target, prediction.get(known.target), known.label)
            if self.model:
                self._same("model", prediction["model"], self.model)

    def pushes(self, name: str) -> None:
        """Push each reading, one of them twice, a table and an invalid one.

        Raises UnhealthyRevisionError unless all are acknowledged.
        """
        readings = [known.fields for known in self.known]
        table = {name: [reading.get(name) for reading in readings] for name in readings[0]}
        sent = {
            **{f"reading-{number}": reading for number, reading in enumerate(readings)},
            "reading-0-again": readings[0],
            "invalid": {"no-feature": -1},
        }
        for what, reading in sent.items():
            answer = self._post("/", self._envelope(reading, f"{name}-{what.removesuffix('-again')}"))
            self._expect(f"pushed {what}", answer.status, ACKNOWLEDGED)
        pushed = self._post("/", self._envelope(table, f"{name}-table", rows=len(readings)))
        self._expect("pushed a table", pushed.status, ACKNOWLEDGED)

    def _envelope(self, reading: dict[str, Any], name: str, *, rows: int = 0) -> bytes:
        """Write what Pub/Sub would post; ids name the revision, so that a redelivery counts once."""
        reading_id = f"smoke-{self.revision}-{name}"
        known = {
            "reading_id": [f"{reading_id}-{row}" for row in range(rows)] if rows else reading_id,
            "device_id": [DEVICE] * rows if rows else DEVICE,
        }
        payload = json.dumps({**reading, **known}).encode()
        message = {
            "messageId": reading_id,
            "publishTime": datetime.now(UTC).isoformat(),
            "data": base64.b64encode(payload).decode(),
        }
        return json.dumps({"message": message, "subscription": "release-smoke"}).encode()

    def _post(self, path: str, body: bytes) -> Any:
        return ask("POST", f"{self.url}{path}", body=body, token=self.token)

    def _expect(self, what: str, status: int, *right: int) -> None:
        if status not in right:
            wanted = " or ".join(map(str, right))
            raise UnhealthyRevisionError(f"{self.revision}: {what}: HTTP {status} where {wanted} is right")

    def _same(self, what: str, found: str | None, right: str) -> None:
        if found != right:
            raise UnhealthyRevisionError(f"{self.revision}: {what} {found} where {right} is right")
