"""`rookery rejects republish`: sent again as they were published, and acknowledged only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PubsubMessage, Subscription
from typer.testing import CliRunner

from rookery.cli import app
from rookery.environment.provision import clients
from rookery.results import dead_letters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import PublisherClient, SubscriberClient


@pytest.fixture
def pubsub(
    broker: str, request: pytest.FixtureRequest
) -> Iterator[tuple[PublisherClient, SubscriberClient, str]]:
    """A topic of readings and one of dead letters, each with a subscription; the third is the project."""
    topics, subscriptions = clients(broker)
    project = f"projects/p{id(request)}"
    for name in ("readings", "dead"):
        topics.create_topic(name=f"{project}/topics/{name}")
        wanted = {"name": f"{project}/subscriptions/{name}-kept", "topic": f"{project}/topics/{name}"}
        subscriptions.create_subscription(request=Subscription(ack_deadline_seconds=10, **wanted))
    yield topics, subscriptions, project
    for each in (topics, subscriptions):
        each.transport.close()  # type: ignore[no-untyped-call]  # generated code


def send_again(broker: str, project: str, *more: str) -> Any:
    words = ["rejects", "republish", f"{project}/subscriptions/dead-kept", f"--broker={broker}", *more]
    return CliRunner().invoke(app, [*words, f"--topic={project}/topics/readings"])


def kept(subscriptions: SubscriberClient, name: str) -> list[PubsubMessage]:
    try:
        answer = subscriptions.pull(subscription=name, max_messages=100, timeout=2, retry=None)
    except DeadlineExceeded:
        return []
    return [each.message for each in answer.received_messages]


def test_dead_letters_are_published_as_they_were_and_acknowledged(
    broker: str, pubsub: tuple[PublisherClient, SubscriberClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payload, attributes and ordering key are the publisher's; Pub/Sub's attributes of the dead letter are gone."""
    monkeypatch.setattr(dead_letters, "_PULL_S", 0.5)
    topics, subscriptions, project = pubsub
    attributes = {"rookery_schema": "1", "CloudPubSubDeadLetterSourceDeliveryCount": "100"}
    messages = [PubsubMessage(data=f"{n}".encode(), attributes=attributes) for n in range(5)]
    topics.publish(topic=f"{project}/topics/dead", messages=messages)
    done = send_again(broker, project, "--limit", "3")
    assert "3 dead letters were sent" in done.output
    assert "2 dead letters were sent" in send_again(broker, project).output
    again = kept(subscriptions, f"{project}/subscriptions/readings-kept")
    assert sorted(each.data for each in again) == [f"{n}".encode() for n in range(5)]
    assert all(dict(each.attributes) == {"rookery_schema": "1"} for each in again)
    assert kept(subscriptions, f"{project}/subscriptions/dead-kept") == []


def test_a_dead_letter_that_cannot_be_published_is_kept(
    broker: str, pubsub: tuple[PublisherClient, SubscriberClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the topic nothing is acknowledged, and the error is one sentence."""
    monkeypatch.setattr(dead_letters, "_PULL_S", 0.5)
    topics, subscriptions, project = pubsub
    topics.publish(topic=f"{project}/topics/dead", messages=[PubsubMessage(data=b"1")])
    topics.delete_topic(topic=f"{project}/topics/readings")
    failed = send_again(broker, project)
    assert getattr(failed.exception, "code", None) == 2
    assert "0 dead letters were sent before" in getattr(failed.exception, "hint", "")
    topics.create_topic(name=f"{project}/topics/readings")
    name = f"{project}/subscriptions/dead-kept"
    # The lease of the failed attempt lasts ten seconds, and so does a pull that finds nothing.
    while not (answer := subscriptions.pull(subscription=name, max_messages=1, timeout=60)).received_messages:
        pass
    assert [each.message.data for each in answer.received_messages] == [b"1"]
