"""The examination: every check in turn, its findings line by line, and the exit code."""

from __future__ import annotations

import logging
import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from rookery.doctor import clock, dead_letters, identity, model, sinks, subscription
from rookery.doctor.case import Case
from rookery.doctor.finding import Finding, Level, error, unknown
from rookery.doctor.pubsub import OutOfReachError, PubSub
from rookery.environment.provision import Route
from rookery.errors import EXIT_FAILED, UserError
from rookery.publisher.errors import BadBrokerError, BadTopicError
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.topics import topic_path
from rookery.schemas.output.printable import printable
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from google.pubsub_v1 import Subscription

_COLOURS: Final = {Level.OK: "green", Level.UNKNOWN: "dim", Level.WARNING: "yellow", Level.ERROR: "red"}
_PUBLISH: Final = ("pubsub.topics.publish",)


def run(
    topic: str, *, project: str | None = None, subscription_name: str | None = None, broker: str | None = None
) -> int:
    """Examine the configuration of the environment and print it; returns the exit code, raises UserError."""
    # The worker's own log lines are findings here.
    logging.getLogger("rookery.worker").addHandler(logging.NullHandler())
    try:
        name = topic_path(topic, project)
        address = PublisherSettings(broker=broker).address(name)
    except (BadBrokerError, BadTopicError) as bad:
        raise UserError(str(bad)) from None
    return render(list(_examined(name, subscription_name, address)))


def _examined(topic: str, name: str | None, broker: str | None) -> Iterator[Finding]:
    try:
        settings = Settings()
    except ValidationError as invalid:
        for each in invalid.errors(include_url=False):
            setting = str(each["loc"][0]).removeprefix("ROOKERY_").upper()
            yield error(f"ROOKERY_{setting}: {each['msg']}.", "The worker does not start like this.")
        return
    yield from examine(
        Case(
            settings=settings,
            topic=topic,
            subscription=name or settings.pull or Route(topic=topic, push_to="").subscription,
            broker=broker,
            on_cloud_run="K_SERVICE" in os.environ,
        )
    )


def examine(case: Case) -> Iterator[Finding]:
    """Run every check."""
    yield from identity.guard(case)
    yield from model.model(case)
    yield from sinks.places(case)
    try:
        with PubSub(case.broker) as pubsub:
            yield from _over_pubsub(case, pubsub)
    except OutOfReachError as away:
        yield error(f"Pub/Sub cannot be examined: {away}.", "Start it, or check the credentials.")
        return
    yield from clock.clock(case)


def _over_pubsub(case: Case, pubsub: PubSub) -> Iterator[Finding]:
    yield from delivery(case, pubsub)
    yield from sinks.topics(case, pubsub)


def delivery(case: Case, pubsub: PubSub) -> Generator[Finding, None, Subscription | None]:
    """Check topic, subscription and dead letters; returns the subscription. Raises OutOfReachError."""
    if not pubsub.has_topic(case.topic):
        yield error(f"the topic {case.topic} does not exist.", f"rookery setup --topic {case.topic} makes it")
    elif pubsub.denied(case.topic, _PUBLISH):
        yield unknown(f"these credentials may not publish to {case.topic}; a device must")
    found = pubsub.subscription(case.subscription)
    if found is None:
        yield error(
            f"the {'pull' if case.settings.pull else 'push'} subscription {case.subscription} does not exist:"
            " no worker gets the readings.",
            f"rookery setup --topic {case.topic} makes it; --subscription names another",
        )
        return None
    yield from subscription.route(case, found)
    yield from subscription.patience(case, found)
    if found.push_config.push_endpoint:
        yield from identity.pushes(case, found.push_config)
    yield from dead_letters.dead_letters(pubsub, found)
    return found


def render(findings: list[Finding]) -> int:
    """Print findings, each with its fix; returns 1 where one is an error, else 0."""
    console = Console(highlight=False, soft_wrap=True)
    for each in findings:
        console.print(Text(f"{each.level.value:<8}", style=_COLOURS[each.level]), end="")
        console.print(Text(printable(each.sentence)))
        if each.fix:
            console.print(Text(printable(f"        fix: {each.fix}")))
    counted = Counter(each.level for each in findings)
    console.print(
        f"{len(findings)} checks: {counted[Level.ERROR]} errors, {counted[Level.WARNING]} warnings,"
        f" {counted[Level.UNKNOWN]} unknown (not checked)"
    )
    return EXIT_FAILED if counted[Level.ERROR] else 0
