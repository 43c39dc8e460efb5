"""PredictUser: a user who asks a worker's `/predict`, without Pub/Sub; the scenario of the original service."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from locust import User, between, task

from rookery.load.swarm.publish_client import TIMEOUT_S

if TYPE_CHECKING:
    from rookery.load.swarm.swarm import Swarm

_OK: Final = 200
_SHOWN: Final = 300


class PredictionFailedError(RuntimeError):
    """The worker gave no answer, or another one than the model's."""


class PredictUser(User):
    """Asks for the prediction of one reading about once a second; what the worker answers is checked, and stored nowhere."""

    weight = 1
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Connect to the worker that ROOKERY_LOAD_PREDICT_URL names."""
        # As in RestPublishClient: gevent has to be there first.
        from geventhttpclient import HTTPClient  # noqa: PLC0415  see above

        self.dice = random.Random()  # noqa: S311  variety, not secrecy
        self.swarm: Swarm = self.environment.swarm
        address = urlsplit(self.swarm.settings.predict_url)
        self.client: Any = HTTPClient(
            address.hostname or "",
            address.port or 80,
            connection_timeout=TIMEOUT_S,
            network_timeout=TIMEOUT_S,
        )

    def on_stop(self) -> None:
        """Let go of the connection."""
        self.client.close()

    @task
    def predict_a_reading(self) -> None:
        """Ask for one reading, and compare the answer with the one that is known."""
        number, since = self.dice.randrange(1_000_000), time.perf_counter()
        identity = f"{self.swarm.settings.run}-predict-{number}"
        payload = self.swarm.readings.single(number, identity, device="predict")
        failed: PredictionFailedError | None = None
        try:
            self._ask(number, payload)
        except PredictionFailedError as error:
            failed = error
        others: dict[str, Any] = {"response_length": 0, "exception": failed, "context": {}}
        self.environment.events.request.fire(
            request_type="HTTP", name="/predict", response_time=(time.perf_counter() - since) * 1000, **others
        )

    def _ask(self, number: int, payload: bytes) -> None:
        try:
            answer = self.client.post("/predict", body=payload, headers={"Content-Type": "application/json"})
            status, said = int(answer.status_code), bytes(answer.read())
        except Exception as error:
            # Its errors have no family of their own, as in RestPublishClient.
            raise PredictionFailedError(f"{type(error).__name__}: {error}") from error
        if status != _OK:
            raise PredictionFailedError(f"HTTP {status}: {said[:_SHOWN].decode(errors='replace')}")
        if mismatch := self.swarm.readings.mismatch(number, said):
            raise PredictionFailedError(mismatch)
