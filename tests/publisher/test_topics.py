"""Topic names and addresses: completed, checked, found where they belong."""

from __future__ import annotations

import pytest

from rookery.publisher.errors import BadTopicError
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.topics import topic_path

FULL = "projects/p/topics/readings"


@pytest.mark.parametrize(("name", "project"), [("readings", "p"), (FULL, None), (FULL, "p")])
def test_a_topic_may_be_named_short_or_whole(name: str, project: str | None) -> None:
    """A short name with its project, and a whole one alone, mean the same topic."""
    assert topic_path(name, project) == FULL


@pytest.mark.parametrize(
    ("name", "project", "rule"),
    [
        ("readings", None, "project is needed"),
        (FULL, "q", "belongs to project p"),
        ("projects/p/readings", None, "projects/PROJECT/topics/TOPIC"),
        ("ab", "p", "3 to 255"),
        ("google-readings", "p", "never goog"),
        ("1readings", "p", "a letter first"),
    ],
)
def test_what_is_no_topic_is_refused_with_the_rule(name: str, project: str | None, rule: str) -> None:
    """A name that Pub/Sub would refuse is refused before anything is sent."""
    with pytest.raises(BadTopicError, match=rule):
        topic_path(name, project)


def test_the_address_is_the_nearest_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An explicit broker wins over the emulator's variable, that over the local project's, and else it is Google."""
    local = "projects/rookery-local/topics/readings"
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    assert PublisherSettings().address(FULL) is None
    assert PublisherSettings().address(local) == "127.0.0.1:8085"
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    assert PublisherSettings().address(local) == "127.0.0.1:9"
    assert PublisherSettings(broker="127.0.0.1:8").address(FULL) == "127.0.0.1:8"


def test_settings_that_would_block_for_ever_are_refused() -> None:
    """The bound of messages in flight admits the largest message."""
    with pytest.raises(ValueError, match="space for one message"):
        PublisherSettings(in_flight_bytes=1_000_000)
