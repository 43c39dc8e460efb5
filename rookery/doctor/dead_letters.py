"""Dead letters: where the undeliverable goes, and whether anybody keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.doctor.finding import error, ok, unseen, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import Subscription

    from rookery.doctor.finding import Finding
    from rookery.doctor.pubsub import PubSub

FEW_ATTEMPTS: Final = 20
"""Fewer are used up by a few minutes' outage of the worker or its sink."""

_AGENT: Final = "@gcp-sa-pubsub.iam.gserviceaccount.com"


def dead_letters(pubsub: PubSub, subscription: Subscription) -> Iterator[Finding]:
    """Follow the undeliverable; raises OutOfReach."""
    policy = subscription.dead_letter_policy
    topic = policy.dead_letter_topic
    if not topic:
        yield error(
            f"{subscription.name} has no dead-letter topic: what cannot be delivered comes again until it expires.",
            "rookery setup makes one, with a subscription that keeps it",
        )
        return
    if not pubsub.has_topic(topic):
        yield error(
            f"the dead-letter topic {topic} is not there: nothing can go to it.", "rookery setup makes it"
        )
        return
    if pubsub.listeners(topic):
        yield ok(f"the undeliverable is kept at {topic}")
    else:
        yield error(
            f"nobody subscribes to {topic}: a dead letter is lost the moment it gets there.",
            "rookery setup makes a subscription that keeps it",
        )
    if policy.max_delivery_attempts < FEW_ATTEMPTS:
        yield warning(
            f"a message is given up after {policy.max_delivery_attempts} attempts, though the worker refuses only"
            " what a later one may mend.",
            f"gcloud pubsub subscriptions update --dead-letter-topic={topic} --max-delivery-attempts=100"
            f" {subscription.name}",
        )
    yield _forwarding(pubsub, topic)


def _forwarding(pubsub: PubSub, topic: str) -> Finding:
    """Look whether Pub/Sub itself may publish there."""
    members = pubsub.members(topic, "roles/pubsub.publisher")
    if members is None:
        return unseen("who may publish dead letters cannot be asked here")
    if any(member.endswith(_AGENT) for member in members):
        return ok("Pub/Sub's service agent may publish dead letters")
    return warning(
        f"Pub/Sub's service agent is no publisher of {topic} itself; perhaps of the whole project.",
        f"gcloud pubsub topics add-iam-policy-binding {topic} --role=roles/pubsub.publisher"
        f" --member=serviceAccount:service-PROJECT_NUMBER{_AGENT}",
    )
