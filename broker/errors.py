"""Errors of the API, with their gRPC and HTTP status.

ApiError
  InvalidArgumentError      INVALID_ARGUMENT      400
  NotFoundError             NOT_FOUND             404
  AlreadyExistsError        ALREADY_EXISTS        409
  FailedPreconditionError   FAILED_PRECONDITION   400
  ResourceExhaustedError    RESOURCE_EXHAUSTED    429
  StoreFailedError          UNAVAILABLE           503
  UnimplementedError        UNIMPLEMENTED         501
"""

from __future__ import annotations

from typing import ClassVar, Final

import grpc

_MOST_LETTERS: Final = 2_000
"""gRPC carries a longer sentence as a header too large, so that the client would hear of that alone."""


class ApiError(Exception):
    """A request that the broker does not fulfil; the message gives the reason to the client."""

    status: ClassVar[grpc.StatusCode]
    http: ClassVar[int]

    def __init__(self, why: str) -> None:
        super().__init__(why if len(why) <= _MOST_LETTERS else f"{why[:_MOST_LETTERS]}...")


class InvalidArgumentError(ApiError):
    """The request breaks a rule or a limit."""

    status = grpc.StatusCode.INVALID_ARGUMENT
    http = 400


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
