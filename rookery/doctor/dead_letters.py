"""The dead-letter check: undeliverable messages have a topic, and a subscription keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.doctor.finding import error, ok, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import Subscription

    from rookery.doctor.finding import Finding
    from rookery.doctor.pubsub import PubSub

FEW_ATTEMPTS: Final = 20
"""An outage of a few minutes uses up fewer attempts than these."""

_AGENT: Final = "@gcp-sa-pubsub.iam.gserviceaccount.com"


def dead_letters(pubsub: PubSub, subscription: Subscription) -> Iterator[Finding]:
    """Check dead-letter topic and subscription; raises OutOfReachError."""
    policy = subscription.dead_letter_policy
    topic = policy.dead_letter_topic
    if not topic:
        yield error(
            f"{subscription.name} has no dead-letter topic: undeliverable messages are redelivered until they expire.",
            "rookery setup makes one, with a subscription that keeps it",
        )
        return
    if not pubsub.has_topic(topic):
        yield error(
            f"the dead-letter topic {topic} does not exist: dead letters are lost.", "rookery setup makes it"
        )
        return
    if pubsub.listeners(topic):
        yield ok(f"dead letters are kept at {topic}")
    else:
        yield error(
            f"{topic} has no subscription: dead letters are lost.",
            "rookery setup makes a subscription that keeps it",
        )
    if policy.max_delivery_attempts < FEW_ATTEMPTS:
        yield warning(
            f"a message is given up after {policy.max_delivery_attempts} attempts, though the worker refuses only"
            " for a transient cause.",
            f"gcloud pubsub subscriptions update --dead-letter-topic={topic} --max-delivery-attempts=100"
            f" {subscription.name}",
        )
    yield _forwarding(pubsub, topic)


def _forwarding(pubsub: PubSub, topic: str) -> Finding:
    """Check that Pub/Sub's service agent may publish there."""
    members = pubsub.members(topic, "roles/pubsub.publisher")
    if members is None:
        return unknown("the publishers of dead letters cannot be read here")
    if any(member.endswith(_AGENT) for member in members):
        return ok("Pub/Sub's service agent may publish dead letters")
    return warning(
        f"Pub/Sub's service agent is no publisher of {topic} itself; perhaps of the whole project.",
        f"gcloud pubsub topics add-iam-policy-binding {topic} --role=roles/pubsub.publisher"
        f" --member=serviceAccount:service-PROJECT_NUMBER{_AGENT}",
    )
