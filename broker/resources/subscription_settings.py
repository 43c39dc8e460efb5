"""Fields of subscriptions: honoured or refused, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.broker.delivery.push import Endpoint, Identity
from rookery.broker.errors import InvalidArgumentError, UnimplementedError
from rookery.broker.filters.errors import FilterError
from rookery.broker.filters.parser import parse_filter
from rookery.broker.resources.admission import check_name
from rookery.broker.resources.field_mask import copied
from rookery.broker.resources.fields import RETENTION_SECONDS, only, seconds, within
from rookery.broker.resources.push_url import PushUrlError, check_push_url
from rookery.broker.resources.topic_settings import DELETED_TOPIC
from rookery.broker.scheduling.backoff import RetryPolicy
from rookery.broker.scheduling.rules import DeadLetterRule, Rules

if TYPE_CHECKING:
    from rookery.broker.filters.expressions import Expression
    from rookery.broker.service.proto import Proto

DEFAULT_ACK_DEADLINE_SECONDS: Final = 10
DEFAULT_DELIVERY_ATTEMPTS: Final = 5
DEFAULT_RETENTION_SECONDS: Final = 7 * 86_400
SHORTEST_TTL_SECONDS: Final = 86_400
MUTABLE: Final = frozenset(
    {
        "ack_deadline_seconds",
        "dead_letter_policy",
        "enable_exactly_once_delivery",
        "expiration_policy",
        "labels",
        "message_retention_duration",
        "push_config",
        "retain_acked_messages",
        "retry_policy",
    }
)
_WRITTEN_BY_THE_SERVER: Final = frozenset({"state", "detached", "topic_message_retention_duration"})
"""A client may send back what it read of these; nothing of it is taken."""
_HONOURED: Final = MUTABLE | _WRITTEN_BY_THE_SERVER | {"name", "topic", "enable_message_ordering", "filter"}


def created(subscription: Proto, topic: Proto) -> Proto:
    """Copy a new subscription, completed and without what only the server may write."""
    found = of_topic(subscription, topic)
    found.ClearField("detached")
    complete(found)
    return found


def of_topic(subscription: Proto, topic: Proto) -> Proto:
    """Copy a subscription with what it has from its topic."""
    found = copied(subscription)
    found.ClearField("topic_message_retention_duration")
    if topic.HasField("message_retention_duration"):
        found.topic_message_retention_duration.CopyFrom(topic.message_retention_duration)
    return found


def without_topic(subscription: Proto) -> Proto:
    """Copy a subscription whose topic is deleted."""
    found = copied(subscription)
    found.topic = DELETED_TOPIC
    found.ClearField("topic_message_retention_duration")
    return found


def complete(subscription: Proto) -> None:
    """Fill in the defaults that Google's answers show."""
    subscription.ack_deadline_seconds = subscription.ack_deadline_seconds or DEFAULT_ACK_DEADLINE_SECONDS
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.FromSeconds(DEFAULT_RETENTION_SECONDS)
    subscription.push_config.SetInParent()
    subscription.state = subscription.ACTIVE


def rules(subscription: Proto) -> Rules:
    """Read the scheduling rules of a completed subscription; raises InvalidArgumentError or UnimplementedError."""
    _check_kind(subscription)
    only(subscription, _HONOURED)
    if subscription.expiration_policy.HasField("ttl"):
        ttl = seconds(subscription.expiration_policy.ttl)
        within(ttl, "expiration_policy.ttl", SHORTEST_TTL_SECONDS, float("inf"))
    dead = subscription.dead_letter_policy
    retention = within(
        seconds(subscription.message_retention_duration), "message_retention_duration", *RETENTION_SECONDS
    )
    by_topic = seconds(subscription.topic_message_retention_duration)
    return Rules(
        push=bool(subscription.push_config.push_endpoint),
        ack_deadline=within(subscription.ack_deadline_seconds, "ack_deadline_seconds", 10, 600),
        ordered=subscription.enable_message_ordering,
        exactly_once=subscription.enable_exactly_once_delivery,
        retention=max(retention, by_topic),
        acked_retention=retention if subscription.retain_acked_messages else 0.0,
        topic_retention=by_topic,
        retry=_retry(subscription.retry_policy) if subscription.HasField("retry_policy") else None,
        dead_letter=_dead_letter(dead) if subscription.HasField("dead_letter_policy") else None,
        filter=_filter(subscription.filter) if subscription.filter else None,
    )


def endpoint(subscription: Proto) -> Endpoint | None:
    """Read where a subscription pushes to, and how; None for a pull subscription; raises InvalidArgumentError or UnimplementedError."""
    push = subscription.push_config
    if not push.push_endpoint:
        if push.ListFields():
            raise InvalidArgumentError("push_config needs a push_endpoint.")
        return None
    try:
        check_push_url(push.push_endpoint)
    except PushUrlError as reason:
        raise InvalidArgumentError(f"push_endpoint {reason}") from None
    if set(push.attributes.items()) - {("x-goog-version", "v1")}:
        raise UnimplementedError("This broker pushes in format v1 only: leave push_config.attributes out.")
    if push.HasField("oidc_token") and not push.oidc_token.service_account_email:
        raise InvalidArgumentError("oidc_token needs a service_account_email.")
    token = push.oidc_token
    return Endpoint(
        url=push.push_endpoint,
        subscription=subscription.name,
        wrapped=not push.HasField("no_wrapper"),
        write_metadata=push.no_wrapper.write_metadata,
        with_attempt=subscription.HasField("dead_letter_policy"),
        timeout=float(subscription.ack_deadline_seconds),
        identity=Identity(email=token.service_account_email, audience=token.audience or push.push_endpoint)
        if push.HasField("oidc_token")
        else None,
    )


def _check_kind(subscription: Proto) -> None:
    if subscription.enable_exactly_once_delivery and subscription.push_config.push_endpoint:
        raise InvalidArgumentError("Exactly-once delivery is for pull subscriptions only.")


def _filter(text: str) -> Expression:
    try:
        return parse_filter(text)
    except FilterError as fault:
        raise InvalidArgumentError(f"Invalid {fault}") from None


def _retry(policy: Proto) -> RetryPolicy:
    defaults = RetryPolicy()
    minimum = seconds(policy.minimum_backoff) if policy.HasField("minimum_backoff") else defaults.minimum
    maximum = seconds(policy.maximum_backoff) if policy.HasField("maximum_backoff") else defaults.maximum
    within(minimum, "minimum_backoff", 0, 600)
    within(maximum, "maximum_backoff", 0, 600)
    if minimum > maximum:
        raise InvalidArgumentError(
            f"minimum_backoff ({minimum:g} s) is greater than maximum_backoff ({maximum:g} s)."
        )
    return RetryPolicy(minimum, maximum)


def _dead_letter(policy: Proto) -> DeadLetterRule:
    check_name(policy.dead_letter_topic, "topics")
    attempts = policy.max_delivery_attempts or DEFAULT_DELIVERY_ATTEMPTS
    if not 5 <= attempts <= 100:  # noqa: PLR2004  the sentence below says it
        raise InvalidArgumentError(f"max_delivery_attempts is {attempts}, needed is 5 to 100.")
    return DeadLetterRule(policy.dead_letter_topic, attempts)
