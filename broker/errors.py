"""Errors of the API, with their gRPC and HTTP status.

ApiError
  InvalidArgumentError      INVALID_ARGUMENT      400
    InvalidAckIdsError      the same, or ABORTED (409) where too many ids are invalid to name them
  NotFoundError             NOT_FOUND             404
  AlreadyExistsError        ALREADY_EXISTS        409
  FailedPreconditionError   FAILED_PRECONDITION   400
  ResourceExhaustedError    RESOURCE_EXHAUSTED    429
  StoreFailedError          UNAVAILABLE           503
  UnimplementedError        UNIMPLEMENTED         501
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import grpc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_LETTERS: Final = 2_000
"""gRPC carries a longer sentence as a header too large, so that the client would hear of that alone."""
ACK_ID_FAILURE: Final = {"reason": "EXACTLY_ONCE_ACKID_FAILURE", "domain": "pubsub.googleapis.com"}
_MOST_ACK_IDS: Final = 80
"""Ids that an error names: gRPC carries them in a header, which clients take up to 8 kB of."""


class ApiError(Exception):
    """A request that the broker does not fulfil; the message gives the reason to the client."""

    status: grpc.StatusCode
    http: int
    failures: Mapping[str, str] = MappingProxyType({})
    """The reason against each ack id, as google.rpc.ErrorInfo carries it."""

    def __init__(self, why: str) -> None:
        super().__init__(why if len(why) <= _MOST_LETTERS else f"{why[:_MOST_LETTERS]}...")


class InvalidArgumentError(ApiError):
    """The request breaks a rule or a limit."""

    status = grpc.StatusCode.INVALID_ARGUMENT
    http = 400


class InvalidAckIdsError(InvalidArgumentError):
    """Deliveries of an exactly-once subscription have ended before; nothing of the request was done.

    Google's clients read `failures`: they send the ids with a transient failure again, without the invalid ones.
    """

    def __init__(self, invalid: Sequence[str], outstanding: Sequence[str]) -> None:
        super().__init__(f"Invalid ack ids: {len(invalid)} of {len(invalid) + len(outstanding)}.")
        named = invalid[:_MOST_ACK_IDS]
        self.failures = dict.fromkeys(named, "PERMANENT_FAILURE_INVALID_ACK_ID")
        if len(invalid) + len(outstanding) <= _MOST_ACK_IDS:
            self.failures |= dict.fromkeys(outstanding, "TRANSIENT_FAILURE_INVALID_ACK_ID_BESIDE")
        else:
            # A client sends again all that an ABORTED request does not name.
            self.status, self.http = grpc.StatusCode.ABORTED, 409


class NotFoundError(ApiError):
    """There is no such topic or subscription."""

    status = grpc.StatusCode.NOT_FOUND
    http = 404


class AlreadyExistsError(ApiError):
    """The name is taken."""

    status = grpc.StatusCode.ALREADY_EXISTS
    http = 409


class FailedPreconditionError(ApiError):
    """The request fits no subscription of this kind."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    http = 400


class ResourceExhaustedError(ApiError):
    """The store has no space for the request; nothing of it was kept."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    http = 429


class StoreFailedError(ApiError):
    """The store failed at the request, which may be sent again."""

    status = grpc.StatusCode.UNAVAILABLE
    http = 503


class UnimplementedError(ApiError):
    """Google's Pub/Sub has it, this broker has not; refused rather than ignored."""

    status = grpc.StatusCode.UNIMPLEMENTED
    http = 501


def forget_frames(refusal: ApiError) -> None:
    """Drop the frames that a refusal came through, once it is answered.

    One of them may hold the subscription, and what was awaited there the refusal: a circle, which keeps a deleted
    subscription in memory until the garbage collector comes.
    """
    refusal.__traceback__ = None
