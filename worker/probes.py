"""Probes: is the process alive, does it take messages, and what does it count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from worker.metrics import Metrics


class Probes:
    """`/livez`, `/readyz` and `/metrics`."""

    def __init__(self, metrics: Metrics, *, model: str) -> None:
        """Store what to tell; not ready until told so."""
        self._metrics = metrics
        self._model = model
        self._status = "starting"

    def say(self, status: str) -> None:
        """Set the status that `/readyz` tells: `ready` or `draining`."""
        self._status = status
        self._metrics.ready(value=status == "ready")

    async def livez(self, _: web.Request) -> web.Response:
        """The process serves."""
        return web.Response(text="alive\n")

    async def readyz(self, _: web.Request) -> web.Response:
        """200 while messages are taken, 503 before and after."""
        ready = self._status == "ready"
        return web.json_response(
            {"status": self._status, "model": self._model},
            status=web.HTTPOk.status_code if ready else web.HTTPServiceUnavailable.status_code,
        )

    async def metrics(self, _: web.Request) -> web.Response:
        """Everything counted, for Prometheus."""
        return web.Response(body=self._metrics.render(), content_type="text/plain", charset="utf-8")
