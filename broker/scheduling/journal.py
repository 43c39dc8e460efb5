"""Interface between one subscription's scheduler and a store that outlives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rookery.broker.scheduling.messages import StoredMessage


class Journal(Protocol):
    """Record the changes of the messages that one subscription holds; no call blocks or raises.

    A record may reach the disk later, in the order of the calls: a lost one causes a redelivery, never a loss.
    """

    def added(self, message: StoredMessage) -> None:
        """Store a message that came by another way than publishing: a dead letter. It is offered once it is stored."""
        ...

    def wanted(self, after: int) -> None:
        """Ask for the next messages behind an id; they are loaded later."""
        ...

    def removed(self, message: StoredMessage) -> None:
        """Record that a message is no longer held: acked, dead-lettered or older than the retention."""
        ...

    def attempted(self, message: StoredMessage, attempts: int) -> None:
        """Record how many times a message was delivered so far."""
        ...

    def forget(self) -> None:
        """Drop the records of messages that are held no longer, where they did not reach the disk, and what was wanted."""
        ...
