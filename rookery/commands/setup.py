"""`rookery setup`: provide a route and print each resource as made, found or changed."""

from __future__ import annotations

from rich.console import Console

from rookery.broker.resources.push_url import PushUrlError, check_push_url
from rookery.environment.provision import Provisioner, Route
from rookery.errors import UserError
from rookery.publisher.errors import BadBrokerError, BadTopicError
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.topics import topic_path


def run(
    topic: str, *, project: str | None, push_to: str | None, service_account: str | None, broker: str | None
) -> None:
    """Provide the route and print each step; without `push_to` the worker pulls. Raises UserError."""
    try:
        name = topic_path(topic, project)
        address = PublisherSettings(broker=broker).address(name)
        if push_to is not None:
            check_push_url(push_to)
    except (BadBrokerError, BadTopicError) as error:
        raise UserError(str(error)) from None
    except PushUrlError as error:
        raise UserError(f"--push-to {error}") from None
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Pub/Sub at [bold]{address or 'Google Cloud'}[/]")
    with Provisioner(address) as provisioner:
        route = Route(topic=name, push_to=push_to, service_account=service_account)
        for step in provisioner.provide(route):
            console.print(f"  {step.outcome:<6} {step.kind:<12} {step.name}")
    delivered = f"pushed to {push_to}" if push_to is not None else f"pulled from {route.subscription}"
    console.print(f"Readings published to {name} are {delivered}")
    if address is None:
        console.print(
            "Dead letters also need Pub/Sub's service agent to publish to the dead-letter topic and to "
            "subscribe to the subscription: deploy/ grants both."
        )
