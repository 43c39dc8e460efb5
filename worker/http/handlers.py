"""The HTTP face: push and predict, and the one place that maps what happened to a status."""

from __future__ import annotations

import asyncio
import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from rookery.schemas.envelope import Envelope, InvalidEnvelopeError, unwrapped
from rookery.worker.auth.policy import AuthenticationFailure
from rookery.worker.decoding.envelope_reader import read_envelope
from rookery.worker.encoding.fixed_width import size_of
from rookery.worker.errors import DefectError, QueueFullError, RetryError
from rookery.worker.http.responses import DURABLE, FULL, JSON, LATER, NO_CONTENT, OK, Response, explained
from rookery.worker.http.wire.refused_request import RefusedRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rookery.worker.encoding.lines import EncodedLines
    from rookery.worker.http.endpoints import Answer
    from rookery.worker.http.whole_request import WholeRequest
    from rookery.worker.observability.health import Health
    from rookery.worker.observability.metrics import Metrics
    from rookery.worker.pipeline import Pipeline

log: Final = logging.getLogger(__name__)

NOT_AN_ENVELOPE: Final = 400
NOTHING_USABLE: Final = 422

_LARGE_ANSWER: Final = 1024 * 1024
"""Bytes of an answer to `/predict` that are put together off the event loop."""


class PushHandler:
    """`POST /`: one Pub/Sub message a request; `POST /predict`: a payload alone, answered and not stored."""

    def __init__(self, pipeline: Pipeline, metrics: Metrics, *, health: Health | None = None) -> None:
        """Store where messages go, and the health that counts the worker's defects.

        Senders were admitted before, and bodies came whole.
        """
        self._pipeline = pipeline
        self._metrics = metrics
        self._health = health
        self._turn: list[tuple[bytes | bytearray, Answer]] = []

    async def push(self, request: WholeRequest) -> Response:
        """Answer 204 once everything in the message is durable."""
        try:
            await self._pipeline.accept(_envelope(request))
        except (InvalidEnvelopeError, RetryError) as error:
            refusal = self.refusal(error)
            return explained(refusal.status, refusal.text)
        return DURABLE

    async def predict(self, request: WholeRequest) -> Response:
        """Answer a reading or a table with its predictions and rejections; 422 where nothing could be classified."""
        try:
            lines = await self._pipeline.predict(
                Envelope(message_id=f"predict-{uuid.uuid4()}", body=request.body)
            )
        except RetryError as error:
            refusal = self.refusal(error)
            return explained(refusal.status, refusal.text)
        status = OK if lines.predictions else NOTHING_USABLE
        large = size_of(lines.predictions) + size_of(lines.rejections) > _LARGE_ANSWER
        answer = await asyncio.to_thread(_answer, lines) if large else _answer(lines)
        return Response(answer, status, JSON)

    def enqueue(self, body: bytes | bytearray, answer: Answer) -> None:
        """Take a push from the fast path; `answer` is called with its status, the first time counts."""
        turn = self._turn
        if not turn:
            # Pushes that arrive in one turn of the loop are enqueued together, at its end.
            asyncio.get_running_loop().call_soon(self._dispatch)
        turn.append((body, answer))

    def _dispatch(self) -> None:
        turn, self._turn = self._turn, []
        try:
            self._take(turn)
        except Exception:
            # A defect: without an answer the connections would stay open for ever, and the messages in flight.
            log.exception("failed to enqueue %d pushes", len(turn))
            for _, answer in turn:
                self._respond(answer, DefectError("failed to enqueue this push"))

    def _take(self, turn: Iterable[tuple[bytes | bytearray, Answer]]) -> None:
        messages = []
        for body, answer in turn:
            try:
                messages.append((read_envelope(body), partial(self._respond, answer)))
            except InvalidEnvelopeError as error:
                self._respond(answer, error)
            except Exception:
                log.exception("failed to parse a push")
                self._respond(answer, DefectError("failed to parse this push"))
        self._pipeline.enqueue(messages)

    def _respond(self, answer: Answer, error: InvalidEnvelopeError | RetryError | None) -> None:
        if error is None:
            answer(NO_CONTENT)
        else:
            refusal = self.refusal(error)
            # A later answer to a message that met a defect must not become the answer to the connection's next one.
            answer(refusal.status, refusal.text, last=isinstance(error, DefectError))

    def refusal(self, error: BaseException) -> AuthenticationFailure:
        """Count and log what kept a request from being served: the one place that maps errors to statuses."""
        match error:
            case InvalidEnvelopeError():
                self._metrics.not_an_envelope()
                log.warning("refused a body that is no push envelope: %s", error)
                return AuthenticationFailure(NOT_AN_ENVELOPE, f"{error}\n")
            case RefusedRequestError():
                self._metrics.refused_request(error.cause)
                log.warning("refused a request: %s", error)
                return AuthenticationFailure(error.status, f"{error}\n")
            case RetryError():
                self._metrics.retry(error.cause)
                if self._health is not None and isinstance(error, DefectError):
                    self._health.defect()
                return AuthenticationFailure(
                    FULL if isinstance(error, QueueFullError) else LATER, f"{error}\n"
                )
        log.error("serving a request failed", exc_info=error)
        return self.refusal(DefectError("serving this request failed"))


def _envelope(request: WholeRequest) -> Envelope:
    return unwrapped(request.body, request.headers) if request.head.unwrapped else read_envelope(request.body)


def _answer(lines: EncodedLines) -> bytes:
    return orjson.dumps(
        {
            "predictions": [orjson.Fragment(line.rstrip()) for line in lines.predictions],
            "rejections": [orjson.Fragment(line.rstrip()) for line in lines.rejections],
        }
    )
