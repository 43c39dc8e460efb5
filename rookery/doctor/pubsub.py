"""PubSub: read-only requests of the doctor to Pub/Sub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from google.api_core import exceptions as api
from google.auth.exceptions import GoogleAuthError

from rookery.environment.provision import clients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.pubsub_v1 import Subscription

_CALL: Final[dict[str, Any]] = {"timeout": 5.0, "retry": None}


class OutOfReachError(Exception):
    """Pub/Sub does not answer, or denies access; the message says which."""


class PubSub:
    """Read-only requests over Google's own clients; a context manager. `broker` None means production."""

    def __init__(self, broker: str | None) -> None:
        self._broker = broker

    def __enter__(self) -> Self:
        try:
            self._topics, self._subscriptions = clients(self._broker)
        except GoogleAuthError as error:
            raise OutOfReachError(f"there are no credentials: {error}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._subscriptions.transport.close()  # type: ignore[no-untyped-call]  # generated code
        self._topics.transport.close()  # type: ignore[no-untyped-call]  # generated code

    def has_topic(self, name: str) -> bool:
        """Whether a topic is there; raises OutOfReachError."""
        return self._asked(lambda: self._topics.get_topic(topic=name, **_CALL)) is not None

    def subscription(self, name: str) -> Subscription | None:
        """Return a subscription, None where there is none; raises OutOfReachError."""
        found: Subscription | None = self._asked(
            lambda: self._subscriptions.get_subscription(subscription=name, **_CALL)
        )
        return found

    def listeners(self, topic: str) -> list[str]:
        """Name the subscriptions of a topic, none where it is not there; raises OutOfReachError."""
        request = {"topic": topic}
        return (
            self._asked(lambda: list(self._topics.list_topic_subscriptions(request=request, **_CALL))) or []
        )

    def denied(self, topic: str, permissions: Sequence[str]) -> set[str] | None:
        """Name the missing permissions on a topic; None where Pub/Sub does not know."""
        request = {"resource": topic, "permissions": permissions}
        answer = self._iam(lambda: self._topics.test_iam_permissions(request=request, timeout=5.0))
        return None if answer is None else set(permissions) - set(answer.permissions)

    def members(self, topic: str, role: str) -> set[str] | None:
        """Name the members with a role on the topic itself; None where Pub/Sub does not know, or denies access."""
        request = {"resource": topic}
        answer = self._iam(lambda: self._topics.get_iam_policy(request=request, timeout=5.0))
        if answer is None:
            return None
        return {member for each in answer.bindings if each.role == role for member in each.members}

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except api.NotFound:
            return None
        except (api.GoogleAPICallError, GoogleAuthError) as error:
            where = self._broker or "pubsub.googleapis.com"
            raise OutOfReachError(f"{where}: {getattr(error, 'message', None) or error}") from None

    def _iam(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (api.GoogleAPICallError, GoogleAuthError):
            # Local brokers have no permissions, and a caller without access gets no answer.
            return None
