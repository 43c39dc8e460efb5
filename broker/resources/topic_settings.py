"""Fields of topics: honoured or refused, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.broker.errors import InvalidArgumentError
from rookery.broker.resources.admission import check_name
from rookery.broker.resources.fields import RETENTION_SECONDS, only, seconds, within

if TYPE_CHECKING:
    from rookery.broker.service.proto import Proto

DELETED_TOPIC: Final = "_deleted-topic_"
MUTABLE: Final = frozenset({"labels", "message_retention_duration", "message_storage_policy"})
_HONOURED: Final = MUTABLE | {"name", "state"}


def check_topic(topic: Proto) -> None:
    """Raise InvalidArgumentError or UnimplementedError unless this broker can be true to the topic."""
    check_name(topic.name, "topics")
    only(topic, _HONOURED)
    policy = topic.message_storage_policy
    if topic.HasField("message_storage_policy") and not policy.allowed_persistence_regions:
        raise InvalidArgumentError("message_storage_policy allows no region: name one, or leave it out.")
    if topic.HasField("message_retention_duration"):
        within(retention(topic), "message_retention_duration", *RETENTION_SECONDS)


def retention(topic: Proto) -> float:
    """Read for how many seconds a topic keeps each message; 0: not at all."""
    return seconds(topic.message_retention_duration)
