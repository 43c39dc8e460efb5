"""AiohttpProtocol: aiohttp's side of a connection, which is handed whole requests, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from rookery.worker.http.responses import advice
from rookery.worker.http.wire.refused_request import RefusedRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.worker.auth.policy import AuthenticationFailure
    from rookery.worker.http.wire.request_head import RequestHead


class AiohttpProtocol(web.RequestHandler):
    """Serves requests that were read before, and says when each is answered."""

    __slots__ = ("answered", "failed")

    answered: Callable[[bool], None]
    """Called after each answer with whether the connection is kept."""

    failed: Callable[[BaseException], AuthenticationFailure]
    """Called with what a handler, or aiohttp itself, raised; gives the answer."""

    def serve(self, head: RequestHead, body: bytes) -> None:
        """Begin a request; raises RefusedRequestError where its target is no URL."""
        try:
            self.data_received(head.rewritten(len(body)))
        except ValueError:
            raise RefusedRequestError("malformed", "malformed HTTP: the request's target is no URL") from None
        if body:
            self.data_received(body)

    async def finish_response(self, *asked: Any, **named: Any) -> tuple[web.StreamResponse, bool]:
        """Write an answer, and say so."""
        kept = False
        try:
            response, reset = await super().finish_response(*asked, **named)
            kept = bool(response.keep_alive) and not reset
        finally:
            self.answered(kept)
        return response, reset

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002  aiohttp's signature
        status: int = web.HTTPInternalServerError.status_code,  # noqa: ARG002  the same
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  the same
    ) -> web.StreamResponse:
        """Answer a request whose handler failed, or that aiohttp refuses though it passed the rules here."""
        if isinstance(exc, HttpProcessingError):
            exc = RefusedRequestError("malformed", f"malformed HTTP: {type(exc).__name__}")
        refusal = self.failed(exc or RuntimeError("a request failed without a reason"))
        response = web.Response(status=refusal.status, text=refusal.text, headers=advice(refusal.status))
        response.force_close()
        return response
