"""Transport: the way out that a publisher takes, whatever the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future

    from rookery.publisher.message import OutgoingMessage


class Transport(Protocol):
    """One topic at one address. The first call connects, and raises NotAllowedError without Google's credentials."""

    @property
    def address(self) -> str:
        """Where the messages go, for people."""

    def reach(self, timeout_s: float) -> None:
        """Wait until the address answers; raises UnreachableError. Nothing is published."""

    def send(self, message: OutgoingMessage) -> Future[str]:
        """Take a checked message; blocks while too much is in flight.

        The future gives the message id, or a PublishError within the settings' `answered_within_s`.
        """

    def close(self) -> None:
        """Release connections; what has no answer yet is given up."""
