"""The HTTP face: push and predict, and the one place that maps what happened to a status."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web

from schemas.envelope import MESSAGE_ID_HEADER, Envelope, NotAnEnvelope, unwrapped, wrapped
from worker.auth import Refusal, advice, judged
from worker.errors import Full, Retry

if TYPE_CHECKING:
    from worker.auth import Guard
    from worker.heads import Head
    from worker.lane import Answer
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


class PushHandler:
    """`POST /`: one Pub/Sub message a request; `POST /predict`: a payload alone, answered and not stored."""

    def __init__(self, pipeline: Pipeline, metrics: Metrics, *, guard: Guard | None = None) -> None:
        """Store where messages go, and who decides on the fast lane's senders."""
        self._pipeline = pipeline
        self._metrics = metrics
        self._guard = guard
        self._admitting: set[asyncio.Task[None]] = set()

    async def push(self, request: web.Request) -> web.Response:
        """Answer 204 once everything in the message is durable."""
        body = await request.read()
        try:
            await self._pipeline.accept(_envelope(request, body))
        except (NotAnEnvelope, Retry) as error:
            refusal = self._refusal(error)
            return web.Response(status=refusal.status, text=refusal.text, headers=_headers(refusal.status))
        return web.Response(status=DONE)

    async def predict(self, request: web.Request) -> web.Response:
        """Answer a reading or a table with its predictions and rejections; 422 where nothing could be classified."""
        body = await request.read()
        try:
            lines = await self._pipeline.predict(Envelope(message_id=f"predict-{uuid.uuid4()}", body=body))
        except Retry as error:
            refusal = self._refusal(error)
            return web.Response(status=refusal.status, text=refusal.text, headers=_headers(refusal.status))
        status = web.HTTPOk.status_code if lines.predictions else NOTHING_USABLE
        return web.Response(status=status, body=_answer(lines), content_type="application/json")

    def begin(self, body: bytes, head: Head, answer: Answer) -> None:
        """Take a push from the fast lane; `answer` is called once with its status."""
        if self._guard is None or self._guard.known(head.authorization):
            self._begin(body, answer)
            return
        admitting = asyncio.create_task(self._admit(self._guard, body, head, answer), name="admitting")
        self._admitting.add(admitting)
        admitting.add_done_callback(self._admitting.discard)

    async def _admit(self, guard: Guard, body: bytes, head: Head, answer: Answer) -> None:
        refusal = await judged(guard, head.authorization, self._metrics)
        if refusal is None:
            self._begin(body, answer)
        else:
            answer(refusal.status, refusal.text)

    def _begin(self, body: bytes, answer: Answer) -> None:
        def told(error: Retry | None) -> None:
            if error is None:
                answer(DONE)
            else:
                refusal = self._refusal(error)
                answer(refusal.status, refusal.text)

        try:
            self._pipeline.begin(wrapped(body), told)
        except (NotAnEnvelope, Retry) as error:
            refusal = self._refusal(error)
            answer(refusal.status, refusal.text)

    def _refusal(self, error: NotAnEnvelope | Retry) -> Refusal:
        """Count what was refused, and say it: the one place that maps errors to statuses."""
        if isinstance(error, NotAnEnvelope):
            self._metrics.not_an_envelope()
            log.warning("refused a body that is no push envelope: %s", error)
            return Refusal(NOT_AN_ENVELOPE, f"{error}\n")
        self._metrics.retry(error.cause)
        return Refusal(FULL if isinstance(error, Full) else LATER, f"{error}\n")


def _headers(status: int) -> dict[str, str]:
    return {} if status == NOT_AN_ENVELOPE else advice(status)


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
