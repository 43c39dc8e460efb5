"""HealthEndpoints: liveness, readiness and metrics over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import orjson

from rookery.worker.http.responses import JSON, LATER, OK, Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.worker.http.whole_request import WholeRequest
    from rookery.worker.observability.health import Health
    from rookery.worker.observability.metrics import Metrics


class ModelStatus(Protocol):
    """The state of the model: which one answers, its origin, and why it is not the one of the settings."""

    @property
    def model(self) -> str:
        """The name of the artifact that answers now."""

    @property
    def engine(self) -> str:
        """The engine of the answers: `booster` or `compiled`."""

    @property
    def origin(self) -> str:
        """`source` or `cache`."""

    @property
    def reason(self) -> str | None:
        """Why another model answers than was asked for; None where all is well."""


class PartStatus(Protocol):
    """The state of the sinks, or of the pull subscription."""

    @property
    def reason(self) -> str | None:
        """Why results cannot become durable, or no messages arrive; None where they can."""


class HealthEndpoints:
    """`/livez`, `/readyz` and `/metrics`."""

    def __init__(
        self, metrics: Metrics, *, model: ModelStatus, health: Health, parts: Sequence[PartStatus] = ()
    ) -> None:
        """Store the parts whose state is reported; not ready until `set_status`."""
        self._metrics = metrics
        self._model = model
        self._health = health
        self._parts = parts
        self._status = "starting"
        metrics.ready(lambda: self.ready)

    @property
    def ready(self) -> bool:
        """Whether messages should be sent here."""
        return self._status == "ready" and self._failing is None

    @property
    def _failing(self) -> str | None:
        """Why messages would be sent here in vain; None where they would not."""
        reasons = (each.reason for each in (self._health, *self._parts))
        return next((reason for reason in reasons if reason), None)

    def set_status(self, status: str) -> None:
        """Set the status that `/readyz` reports: `ready` or `draining`."""
        self._status = status

    async def livez(self, _: WholeRequest) -> Response:
        """200 while the process serves; 503 once it has answered nothing but its own defects for long."""
        if self._health.alive:
            return Response(b"alive\n")
        return Response(f"failing: {self._health.reason}\n".encode(), LATER)

    async def readyz(self, _: WholeRequest) -> Response:
        """200 while messages are taken, 503 before and after; `degraded` is 200 too: a good model answers."""
        model, reason = self._model, self._model.reason
        answer = {"status": self._status, "model": model.model, "engine": model.engine}
        if reason is not None:
            answer |= {"reason": reason, "origin": model.origin}
        if self._status == "ready":
            if (failing := self._failing) is not None:
                answer |= {"status": "failing", "reason": failing}
            elif reason is not None:
                answer["status"] = "degraded"
        return Response(orjson.dumps(answer), OK if self.ready else LATER, JSON)

    async def metrics(self, _: WholeRequest) -> Response:
        """All metrics, for Prometheus."""
        return Response(self._metrics.render())
