"""The HTTP face: push and predict, and the one place that maps what happened to a status."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web

from schemas.envelope import MESSAGE_ID_HEADER, Envelope, NotAnEnvelope, unwrapped, wrapped
from worker.errors import Full, Retry

if TYPE_CHECKING:
    from worker.metrics import Metrics
    from worker.pipeline import Pipeline
    from worker.rendering import Lines

log: Final = logging.getLogger(__name__)

DONE: Final = 204
"""Durable, so acknowledged: predictions and rejections alike. Only 102, 200, 201, 202 and 204 acknowledge."""

NOT_AN_ENVELOPE: Final = 400
NOTHING_USABLE: Final = 422
LATER: Final = 503
FULL: Final = 429

_RETRY_AFTER: Final = {"Retry-After": "1"}


class PushHandler:
    """`POST /`: one Pub/Sub message a request; `POST /predict`: a payload alone, answered and not stored."""

    def __init__(self, pipeline: Pipeline, metrics: Metrics) -> None:
        """Store where messages go."""
        self._pipeline = pipeline
        self._metrics = metrics

    async def push(self, request: web.Request) -> web.Response:
        """Answer 204 once everything in the message is durable."""
        body = await request.read()
        try:
            await self._pipeline.accept(_envelope(request, body))
        except NotAnEnvelope as error:
            self._metrics.not_an_envelope()
            log.warning("refused a body that is no push envelope: %s", error)
            return web.Response(status=NOT_AN_ENVELOPE, text=f"{error}\n")
        except Retry as error:
            return self._later(error)
        return web.Response(status=DONE)

    async def predict(self, request: web.Request) -> web.Response:
        """Answer a reading or a table with its predictions and rejections; 422 where nothing could be classified."""
        body = await request.read()
        try:
            lines = await self._pipeline.predict(Envelope(message_id=f"predict-{uuid.uuid4()}", body=body))
        except Retry as error:
            return self._later(error)
        status = web.HTTPOk.status_code if lines.predictions else NOTHING_USABLE
        return web.Response(status=status, body=_answer(lines), content_type="application/json")

    def _later(self, error: Retry) -> web.Response:
        self._metrics.retry(error.cause)
        status = FULL if isinstance(error, Full) else LATER
        return web.Response(status=status, text=f"{error}\n", headers=_RETRY_AFTER)


def _envelope(request: web.Request, body: bytes) -> Envelope:
    if MESSAGE_ID_HEADER in request.headers:
        return unwrapped(body, {name.lower(): value for name, value in request.headers.items()})
    return wrapped(body)


def _answer(lines: Lines) -> bytes:
    return orjson.dumps(
        {
            "predictions": [orjson.Fragment(line.rstrip()) for line in lines.predictions],
            "rejections": [orjson.Fragment(line.rstrip()) for line in lines.rejections],
        }
    )
