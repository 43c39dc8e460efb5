"""The check of the worker's subscription: its topic, its way of delivery, its ack deadline, and its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from rookery.doctor import push_form
from rookery.doctor.finding import error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from google.pubsub_v1 import Subscription

    from rookery.doctor.case import Case
    from rookery.doctor.finding import Finding
    from rookery.worker.settings import Settings

_PREDICT_SECONDS: Final = 1.0
"""Seconds of inference that a batch may take; see `rookery_inference_seconds`."""


def route(case: Case, subscription: Subscription) -> Iterator[Finding]:
    """Check topic, way of delivery and expiry."""
    if subscription.topic != case.topic:
        yield error(
            f"{subscription.name} listens to {subscription.topic}, not to {case.topic}.",
            "A subscription keeps its topic for life: name the right one with --subscription, or make it anew.",
        )
    yield from (_pulled if case.settings.pull else _pushed)(subscription)
    # The library's types call it a protobuf Duration, its values are timedeltas.
    idle = cast("timedelta | None", subscription.expiration_policy.ttl)
    if idle:
        yield warning(
            f"{subscription.name} is deleted after {idle.days} idle days.",
            f"gcloud pubsub subscriptions update --expiration-period=never {subscription.name}",
        )


def _pushed(subscription: Subscription) -> Iterator[Finding]:
    endpoint = subscription.push_config.push_endpoint
    if endpoint:
        yield ok(f"{subscription.name} pushes to {endpoint}")
        yield from push_form.form(subscription)
    else:
        yield error(
            f"{subscription.name} does not push: messages wait for a pull.",
            f"gcloud pubsub subscriptions modify-push-config --push-endpoint=URL {subscription.name}",
        )
    if subscription.enable_exactly_once_delivery:
        yield error(
            f"{subscription.name} asks for exactly-once delivery, which push does not have.",
            "Switch it off: results are idempotent, deduplicated by reading_id.",
        )


def _pulled(subscription: Subscription) -> Iterator[Finding]:
    endpoint = subscription.push_config.push_endpoint
    if endpoint:
        yield error(
            f"{subscription.name} pushes to {endpoint}, and a worker with ROOKERY_PULL cannot pull from it.",
            f"gcloud pubsub subscriptions modify-push-config --push-endpoint= {subscription.name}",
        )
    else:
        yield ok(f"{subscription.name} is pulled from")


def patience(case: Case, subscription: Subscription) -> Iterator[Finding]:
    """Compare the ack deadline with the time that a batch may take; a worker that pulls extends it."""
    settings, deadline = case.settings, subscription.ack_deadline_seconds
    if settings.pull:
        return
    budget = batch_seconds(settings)
    fix = f"gcloud pubsub subscriptions update --ack-deadline=SECONDS {subscription.name}"
    if deadline < budget:
        yield error(
            f"the ack deadline is {deadline} s, and a batch may take {budget:g} s (ROOKERY_FLUSH_INTERVAL_SECONDS +"
            f" ROOKERY_WRITE_TIMEOUT_SECONDS + {_PREDICT_SECONDS:g} s): durable readings are redelivered.",
            f"{fix}, more than {budget:g}",
        )
    elif deadline < settings.ack_deadline_seconds:
        yield error(
            f"the ack deadline is {deadline} s, the worker expects {settings.ack_deadline_seconds:g} s.",
            f"ROOKERY_ACK_DEADLINE_SECONDS={deadline}, or {fix}",
        )
    else:
        yield ok(f"the ack deadline is {deadline} s, a batch takes at most {budget:g} s")


def batch_seconds(settings: Settings) -> float:
    """The longest that a batch waits, predicts and writes, in seconds."""
    return settings.flush_interval_seconds + settings.write_timeout_seconds + _PREDICT_SECONDS
