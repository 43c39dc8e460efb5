"""Provision: the topic, its subscription and its dead letters, made or found, the same every time."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import grpc
from google.api_core import exceptions as api
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1 import PublisherClient, SubscriberClient, Subscription
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from rookery.environment.subscription_name import subscription_of
from rookery.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CALL: Final[dict[str, Any]] = {"timeout": 10.0, "retry": None}
_A_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Route:
    """The route of readings: topic -> subscription -> worker, and the dead letters of undeliverable messages.

    Names are whole (`projects/P/topics/T`). Without `push_to` the worker pulls. The worker refuses a message only for a transient cause, so that many
    delivery attempts are right: at a minute's backoff, a hundred last longer than an hour's outage.
    """

    topic: str
    push_to: str | None
    ack_deadline_s: int = 60
    min_backoff_s: float = 1.0
    max_backoff_s: float = 60.0
    max_attempts: int = 100
    service_account: str | None = None

    @property
    def subscription(self) -> str:
        """The name of the worker's subscription."""
        return subscription_of(self.topic)

    @property
    def dead_letters(self) -> str:
        """The dead-letter topic."""
        return f"{self.topic}-dead-letter"

    @property
    def dead_letters_kept(self) -> str:
        """The subscription that keeps dead letters for an operator."""
        return f"{self.dead_letters.replace('/topics/', '/subscriptions/')}-kept"


@dataclass(frozen=True, slots=True)
class ProvisionStep:
    """One resource of the route, and whether it was `made`, `found` or `changed`."""

    kind: str
    name: str
    outcome: str


class Provisioner:
    """Makes routes over Google's own clients; use it as a context manager.

    `broker` is the HOST:PORT of an embedded broker or emulator; None means Google's own Pub/Sub.
    """

    def __init__(self, broker: str | None) -> None:
        self._broker = broker

    def __enter__(self) -> Self:
        try:
            self._topics, self._subscriptions = clients(self._broker)
        except DefaultCredentialsError:
            raise UserError(
                "Google Cloud credentials are needed to reach production.",
                hint="`gcloud auth application-default login` gets them; --broker HOST:PORT needs none.",
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._subscriptions.transport.close()  # type: ignore[no-untyped-call]  # generated code
        self._topics.transport.close()  # type: ignore[no-untyped-call]  # generated code

    def provide(self, route: Route) -> list[ProvisionStep]:
        """Make the resources that are missing and change those that differ; raises UserError."""
        try:
            # Dead letters first, and their subscription before any can arrive: a topic without a subscription drops messages.
            return [
                self._topic(route.dead_letters),
                self._subscription(_kept(route), ()),
                self._topic(route.topic),
                self._subscription(_delivered(route), _CHANGEABLE),
            ]
        except api.GoogleAPICallError as error:
            raise self._explained(error) from error

    def remove(self, route: Route) -> None:
        """Delete the resources that `provide` made, where they exist; raises UserError."""
        try:
            for subscription in (route.subscription, route.dead_letters_kept):
                with contextlib.suppress(api.NotFound):
                    self._subscriptions.delete_subscription(subscription=subscription, **_CALL)
            for topic in (route.topic, route.dead_letters):
                with contextlib.suppress(api.NotFound):
                    self._topics.delete_topic(topic=topic, **_CALL)
        except api.GoogleAPICallError as error:
            raise self._explained(error) from error

    def _topic(self, name: str) -> ProvisionStep:
        try:
            self._topics.create_topic(name=name, **_CALL)
        except api.AlreadyExists:
            return ProvisionStep(kind="topic", name=name, outcome="found")
        return ProvisionStep(kind="topic", name=name, outcome="made")

    def _subscription(self, wanted: Subscription, changeable: Sequence[str]) -> ProvisionStep:
        try:
            self._subscriptions.create_subscription(request=wanted, **_CALL)
        except api.AlreadyExists:
            return ProvisionStep(
                kind="subscription", name=wanted.name, outcome=self._update(wanted, changeable)
            )
        return ProvisionStep(kind="subscription", name=wanted.name, outcome="made")

    def _update(self, wanted: Subscription, changeable: Sequence[str]) -> str:
        found = self._subscriptions.get_subscription(subscription=wanted.name, **_CALL)
        if found.topic != wanted.topic:
            raise UserError(
                f"{wanted.name} exists and listens to {found.topic}.",
                hint="A subscription keeps its topic for life: delete it, or choose another topic name.",
            )
        differs = [field for field in changeable if getattr(found, field) != getattr(wanted, field)]
        if not differs:
            return "found"
        request = {"subscription": wanted, "update_mask": {"paths": differs}}
        self._subscriptions.update_subscription(request=request, **_CALL)
        return f"changed ({', '.join(differs)})"

    def _explained(self, error: api.GoogleAPICallError) -> UserError:
        if isinstance(error, api.ServiceUnavailable | api.DeadlineExceeded):
            hint = "`rookery broker` starts one on this machine." if self._broker else "Is the network up?"
            return UserError(
                f"Pub/Sub does not answer at {self._broker or 'pubsub.googleapis.com'}.", hint=hint
            )
        if isinstance(error, api.PermissionDenied | api.Unauthenticated):
            return UserError(
                f"Pub/Sub refused: {error.message}", hint="The role roles/pubsub.editor is needed."
            )
        return UserError(f"Pub/Sub answered: {error.message}")


_CHANGEABLE: Final = ("ack_deadline_seconds", "dead_letter_policy", "push_config", "retry_policy")


def _delivered(route: Route) -> Subscription:
    push: dict[str, Any] = {} if route.push_to is None else {"push_endpoint": route.push_to}
    if push and route.service_account:
        push["oidc_token"] = {"service_account_email": route.service_account}
    return Subscription(
        name=route.subscription,
        topic=route.topic,
        push_config=push,
        ack_deadline_seconds=route.ack_deadline_s,
        retry_policy={
            "minimum_backoff": timedelta(seconds=route.min_backoff_s),
            "maximum_backoff": timedelta(seconds=route.max_backoff_s),
        },
        dead_letter_policy={
            "dead_letter_topic": route.dead_letters,
            "max_delivery_attempts": route.max_attempts,
        },
        # Without this, Google deletes a subscription that was idle for 31 days.
        expiration_policy={},
    )


def _kept(route: Route) -> Subscription:
    return Subscription(
        name=route.dead_letters_kept,
        topic=route.dead_letters,
        ack_deadline_seconds=60,
        message_retention_duration=_A_WEEK,
        expiration_policy={},
    )


def clients(broker: str | None) -> tuple[PublisherClient, SubscriberClient]:
    """Make Google's own clients for a broker or emulator at HOST:PORT, or for production where it is None."""
    if broker is None:
        return PublisherClient(), SubscriberClient()
    channel = grpc.insecure_channel(broker)
    return (
        PublisherClient(transport=PublisherGrpcTransport(host=broker, channel=channel)),
        SubscriberClient(transport=SubscriberGrpcTransport(host=broker, channel=channel)),
    )
