"""Fields of topics: honoured or refused, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.broker.resources.admission import check_name
from rookery.broker.resources.fields import only

if TYPE_CHECKING:
    from rookery.broker.service.proto import Proto

DELETED_TOPIC: Final = "_deleted-topic_"
_HONOURED: Final = frozenset({"name", "labels", "state"})


def check_topic(topic: Proto) -> None:
    """Raise InvalidArgumentError or UnimplementedError unless this broker can be true to the topic."""
    check_name(topic.name, "topics")
    only(topic, _HONOURED)
