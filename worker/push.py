"""The HTTP face: push and predict, and the one place that maps what happened to a status."""

from __future__ import annotations

import asyncio
import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web

from schemas.envelope import MESSAGE_ID_HEADER, Envelope, NotAnEnvelope, unwrapped, wrapped
from worker.auth import Refusal, advice, judged
from worker.errors import DefectError, Full, Retry
from worker.even_lines import size_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.auth import Guard
    from worker.heads import Head
    from worker.health import Health
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

_LARGE_ANSWER: Final = 1024 * 1024
"""Bytes of an answer to `/predict` that are put together off the event loop."""


class PushHandler:
    """`POST /`: one Pub/Sub message a request; `POST /predict`: a payload alone, answered and not stored."""

    def __init__(
        self,
        pipeline: Pipeline,
        metrics: Metrics,
        *,
        guard: Guard | None = None,
        health: Health | None = None,
    ) -> None:
        """Store where messages go, who decides on the fast lane's senders, and who is told of the worker's defects."""
        self._pipeline = pipeline
        self._metrics = metrics
        self._guard = guard
        self._health = health
        self._admitting: set[asyncio.Task[None]] = set()
        self._turn: list[tuple[bytes, str | None, Answer]] = []

    async def push(self, request: web.BaseRequest) -> web.Response:
        """Answer 204 once everything in the message is durable."""
        body = _arrived(request)
        if body is None:
            body = await request.read()
        try:
            await self._pipeline.accept(_envelope(request, body))
        except (NotAnEnvelope, Retry) as error:
            refusal = self._refusal(error)
            return web.Response(status=refusal.status, text=refusal.text, headers=_headers(refusal.status))
        return web.Response(status=DONE)

    async def predict(self, request: web.BaseRequest) -> web.Response:
        """Answer a reading or a table with its predictions and rejections; 422 where nothing could be classified."""
        body = await request.read()
        try:
            lines = await self._pipeline.predict(Envelope(message_id=f"predict-{uuid.uuid4()}", body=body))
        except Retry as error:
            refusal = self._refusal(error)
            return web.Response(status=refusal.status, text=refusal.text, headers=_headers(refusal.status))
        status = web.HTTPOk.status_code if lines.predictions else NOTHING_USABLE
        large = size_of(lines.predictions) + size_of(lines.rejections) > _LARGE_ANSWER
        answer = await asyncio.to_thread(_answer, lines) if large else _answer(lines)
        return web.Response(status=status, body=answer, content_type="application/json")

    def begin(self, body: bytes, head: Head, answer: Answer) -> None:
        """Take a push from the fast lane; `answer` is called once with its status."""
        turn = self._turn
        if not turn:
            # What arrives in one turn of the loop is begun together, at its end.
            asyncio.get_running_loop().call_soon(self._begin)
        turn.append((body, head.authorization, answer))

    def _begin(self) -> None:
        turn, self._turn = self._turn, []
        guard = self._guard
        if guard is not None:
            known = {token: guard.known(token) for token in {token for _, token, _ in turn}}
            if not all(known.values()):
                for body, token, answer in turn:
                    if not known[token]:
                        self._admit_soon(guard, body, token, answer)
                turn = [each for each in turn if known[each[1]]]
        self._admitted(turn)

    def _admit_soon(self, guard: Guard, body: bytes, token: str | None, answer: Answer) -> None:
        admitting = asyncio.create_task(self._admit(guard, body, token, answer), name="admitting")
        self._admitting.add(admitting)
        admitting.add_done_callback(self._admitting.discard)

    async def _admit(self, guard: Guard, body: bytes, token: str | None, answer: Answer) -> None:
        refusal = await judged(guard, token, self._metrics)
        if refusal is None:
            self._admitted([(body, token, answer)])
        else:
            answer(refusal.status, refusal.text)

    def _admitted(self, pushes: Iterable[tuple[bytes, str | None, Answer]]) -> None:
        messages = []
        for body, _, answer in pushes:
            try:
                messages.append((wrapped(body), partial(self._tell, answer)))
            except NotAnEnvelope as error:
                self._tell(answer, error)
            except Exception:
                log.exception("reading a push broke")
                self._tell(answer, DefectError("reading this push broke"))
        self._pipeline.begin(messages)

    def _tell(self, answer: Answer, error: NotAnEnvelope | Retry | None) -> None:
        if error is None:
            answer(DONE)
        else:
            refusal = self._refusal(error)
            answer(refusal.status, refusal.text)

    def _refusal(self, error: NotAnEnvelope | Retry) -> Refusal:
        """Count what was refused, and say it: the one place that maps errors to statuses."""
        if isinstance(error, NotAnEnvelope):
            self._metrics.not_an_envelope()
            log.warning("refused a body that is no push envelope: %s", error)
            return Refusal(NOT_AN_ENVELOPE, f"{error}\n")
        self._metrics.retry(error.cause)
        if self._health is not None and isinstance(error, DefectError):
            self._health.defect()
        return Refusal(FULL if isinstance(error, Full) else LATER, f"{error}\n")


def _arrived(request: web.BaseRequest) -> bytes | None:
    """A body that came whole with its head, as pushes do: aiohttp's own reading waits twice; None where it did not."""
    content = request.content
    if not content.is_eof() or content.total_bytes > request.client_max_size:
        return None
    return content.read_nowait()


def _headers(status: int) -> dict[str, str]:
    return {} if status == NOT_AN_ENVELOPE else advice(status)


def _envelope(request: web.BaseRequest, body: bytes) -> Envelope:
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
