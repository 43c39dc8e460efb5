"""ResultsTopic: read back what a worker published to a result topic, each reading once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic

from google.api_core.exceptions import DeadlineExceeded

from rookery.load.accounting.folder_results import Line, deduplicated, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import SubscriberClient

_PULL_S: Final = 0.2
"""How long a pull waits for a message before there is none."""

_AT_ONCE: Final = 1_000


class ResultsTopic(Generic[Line]):
    """The messages of one subscription, as lines of one kind; what was read is acknowledged and gone.

    Publishing is at least once: iterating gives each reading once, `fresh()` gives each message.
    """

    def __init__(self, subscription: str, kind: type[Line], *, client: SubscriberClient) -> None:
        """Store the subscription's full name; nothing is read yet."""
        self._subscription = subscription
        self._kind: type[Line] = kind
        self._client = client

    def __iter__(self) -> Iterator[Line]:
        return deduplicated(self.fresh())

    def every(self) -> Iterator[Line]:
        """Yield every message, as `fresh`: a message that was read is gone."""
        return self.fresh()

    def fresh(self) -> Iterator[Line]:
        """Yield every message until a pull finds none."""
        while found := self._pull():
            yield from found

    def _pull(self) -> list[Line]:
        try:
            answer = self._client.pull(
                subscription=self._subscription, max_messages=_AT_ONCE, timeout=_PULL_S, retry=None
            )
        except DeadlineExceeded:
            return []
        received = answer.received_messages
        lines = [
            parsed(self._kind, each.message.data, f"message {each.message.message_id}") for each in received
        ]
        if received:
            self._client.acknowledge(
                subscription=self._subscription, ack_ids=[each.ack_id for each in received]
            )
        return lines
