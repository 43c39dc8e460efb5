"""RefusedRequestError: a request that cannot be served as it was sent, with the status that answers it."""

from __future__ import annotations

from typing import Final, Literal

Cause = Literal[
    "aborted",
    "body_too_large",
    "content_encoding",
    "expectation",
    "head_too_large",
    "malformed",
    "over_budget",
    "slow",
]
"""The label under which metrics count a refusal."""

BAD_REQUEST: Final = 400


class RefusedRequestError(Exception):
    """A request is refused before its content is parsed; the text never repeats the sender's bytes."""

    def __init__(self, cause: Cause, sentence: str, *, status: int = BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.cause: Cause = cause
        self.status = status
