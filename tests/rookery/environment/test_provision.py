"""Provisioning: made once, found later, updated where it differs, with a clear error where it fails."""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING

import pytest

from rookery.environment.provision import Provisioner, Route
from rookery.errors import UserError
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def provisioner(broker: str) -> Iterator[Provisioner]:
    with Provisioner(broker) as provisioner:
        yield provisioner


@pytest.fixture
def route(request: pytest.FixtureRequest) -> Route:
    return Route(topic=f"projects/p/topics/{request.node.name}", push_to="http://127.0.0.1:9/")


def test_a_route_is_made_once(provisioner: Provisioner, route: Route) -> None:
    """The first time all is made, dead letters before what can produce them; then all is found."""
    made = provisioner.provide(route)
    assert [(step.kind, step.name, step.outcome) for step in made] == [
        ("topic", route.dead_letters, "made"),
        ("subscription", route.dead_letters_kept, "made"),
        ("topic", route.topic, "made"),
        ("subscription", route.subscription, "made"),
    ]
    assert {step.outcome for step in provisioner.provide(route)} == {"found"}


def test_what_differs_is_changed(provisioner: Provisioner, route: Route) -> None:
    """Another endpoint and another deadline reach the subscription that is there, and are named."""
    provisioner.provide(route)
    other = dataclasses.replace(route, push_to="http://127.0.0.1:10/", ack_deadline_s=30)
    *_, pushed = provisioner.provide(other)
    assert pushed.outcome == "changed (ack_deadline_seconds, push_config)"
    assert {step.outcome for step in provisioner.provide(other)} == {"found"}


def test_a_subscription_that_pushed_may_be_pulled(provisioner: Provisioner, route: Route) -> None:
    """Without an endpoint it is a pull subscription, made so or changed."""
    pulled = dataclasses.replace(route, push_to=None)
    provisioner.provide(route)
    *_, changed = provisioner.provide(pulled)
    assert changed.outcome == "changed (push_config)"
    assert {step.outcome for step in provisioner.provide(pulled)} == {"found"}


def test_what_was_provided_can_be_removed(provisioner: Provisioner, route: Route) -> None:
    """Removing takes everything away, twice is no error, and then all is made anew."""
    provisioner.provide(route)
    provisioner.remove(route)
    provisioner.remove(route)
    assert {step.outcome for step in provisioner.provide(route)} == {"made"}


def test_an_unreachable_broker_is_named(route: Route) -> None:
    """The error names the address without a broker at once, with a hint."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        silent = f"127.0.0.1:{taken.getsockname()[1]}"
        with Provisioner(silent) as provisioner, pytest.raises(UserError, match=silent) as raised:
            provisioner.provide(route)
    assert "rookery broker" in raised.value.hint


def test_a_bad_name_is_said(provisioner: Provisioner) -> None:
    """The error of a refused request has Pub/Sub's own message."""
    with pytest.raises(UserError, match="Pub/Sub answered"):
        provisioner.provide(Route(topic="projects/p/topics/x", push_to="http://127.0.0.1:9/"))


def test_worker_and_subscription_agree_on_the_deadline() -> None:
    """The worker's default ack deadline is the one that the subscription is made with."""
    assert Route(topic="projects/p/topics/t", push_to="").ack_deadline_s == Settings().ack_deadline_seconds
