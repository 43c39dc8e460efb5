"""Probes: is the process alive, does it take messages, and what does it count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from worker.metrics import Metrics


class ModelTold(Protocol):
    """What can be told of the model: which one answers, where it came from, and why it is not the right one."""

    @property
    def model(self) -> str:
        """The name of the artifact that answers now."""

    @property
    def origin(self) -> str:
        """`source`, `cache` or `shipped`."""

    @property
    def reason(self) -> str | None:
        """Why another model answers than was asked for; None where all is well."""


class Probes:
    """`/livez`, `/readyz` and `/metrics`."""

    def __init__(self, metrics: Metrics, *, model: ModelTold) -> None:
        """Store what to tell; not ready until told so."""
        self._metrics = metrics
        self._model = model
        self._status = "starting"

    def say(self, status: str) -> None:
        """Set the status that `/readyz` tells: `ready` or `draining`."""
        self._status = status
        self._metrics.ready(value=status == "ready")

    async def livez(self, _: web.BaseRequest) -> web.Response:
        """The process serves."""
        return web.Response(text="alive\n")

    async def readyz(self, _: web.BaseRequest) -> web.Response:
        """200 while messages are taken, 503 before and after; `degraded` is 200 too: a good model answers."""
        ready, told = self._status == "ready", self._model
        answer = {"status": self._status, "model": told.model}
        if told.reason is not None:
            answer |= {"reason": told.reason, "origin": told.origin}
            answer["status"] = "degraded" if ready else self._status
        status = web.HTTPOk.status_code if ready else web.HTTPServiceUnavailable.status_code
        return web.json_response(answer, status=status)

    async def metrics(self, _: web.BaseRequest) -> web.Response:
        """Everything counted, for Prometheus."""
        return web.Response(body=self._metrics.render(), content_type="text/plain", charset="utf-8")
