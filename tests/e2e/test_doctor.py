"""`rookery doctor` through Google's own clients on Google's own emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.doctor.examination import run
from rookery.environment.provision import Provisioner, Route, clients

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = "projects/rookery-local/topics/examined"


@pytest.mark.emulator
def test_what_google_emulator_accepts_and_google_refuses_is_an_error(
    google_emulator: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Sound after `rookery setup`; exactly-once on push, which the emulator takes without a word, is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", google_emulator)
    route = Route(topic=TOPIC, push_to="http://127.0.0.1:9/")
    with Provisioner(google_emulator) as provisioner:
        provisioner.provide(route)
        try:
            assert run(TOPIC) == 0, capsys.readouterr().out
            _replace_with_exactly_once(google_emulator, route)
            assert run(TOPIC) == 1
        finally:
            provisioner.remove(route)
    assert "asks for exactly-once delivery, which push does not have" in capsys.readouterr().out


def _replace_with_exactly_once(address: str, route: Route) -> None:
    topics, subscriptions = clients(address)
    found = subscriptions.get_subscription(subscription=route.subscription)
    found.enable_exactly_once_delivery = True
    subscriptions.delete_subscription(subscription=route.subscription)
    subscriptions.create_subscription(request=found)
    for each in (topics, subscriptions):
        each.transport.close()  # type: ignore[no-untyped-call]  # generated code
