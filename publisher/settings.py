"""How eagerly, how much at once, and how long to publish."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Literal

from rookery.publisher.broker_address import broker_address
from rookery.publisher.message import MAX_PAYLOAD
from rookery.publisher.topics import LOCAL_BROKER, is_local

EMULATOR_VARIABLE: Final = "PUBSUB_EMULATOR_HOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherSettings:
    """Bounds and timeouts of a publisher; the defaults suit a device with single readings."""

    broker: str | None = None
    """HOST:PORT of an embedded broker or emulator; None asks PUBSUB_EMULATOR_HOST, then the topic's project."""

    wire: Literal["auto", "grpc", "rest"] = "auto"
    """How to talk to Pub/Sub: Google's client over gRPC, or requests over REST; auto takes gRPC where it is installed."""

    batch_messages: int = 100
    """Messages in one publish request; Pub/Sub takes 1,000."""

    batch_bytes: int = 1_000_000
    """Bytes in one publish request; a larger message travels alone."""

    batch_wait_s: float = 0.01
    """How long a message waits for company."""

    in_flight_messages: int = 1_000
    """Messages without an answer before `publish` blocks."""

    in_flight_bytes: int = 20_000_000
    """Bytes without an answer before `publish` blocks."""

    attempt_s: float = 20.0
    """How long one publish request may take."""

    give_up_s: float = 60.0
    """How long a publish request is tried again; the last attempt may add its `attempt_s`."""

    tracing: bool = False
    """Whether Google's client makes OpenTelemetry spans and sends their context along (gRPC, extra `tracing`)."""

    def __post_init__(self) -> None:
        """Refuse what would block for ever; raises ValueError."""
        if self.in_flight_messages < 1 or self.in_flight_bytes < MAX_PAYLOAD + 1_000_000:
            raise ValueError(
                f"in flight there must be space for one message of {MAX_PAYLOAD + 1_000_000} bytes"
            )

    @property
    def answered_within_s(self) -> float:
        """When a message must have its answer, whatever happens."""
        return self.batch_wait_s + self.give_up_s + self.attempt_s + 1.0

    def address(self, topic: str) -> str | None:
        """HOST:PORT of the broker for a full topic name, None for Google's; raises BadBrokerError."""
        named = self.broker or os.environ.get(EMULATOR_VARIABLE)
        if named:
            return broker_address(named)
        return LOCAL_BROKER if is_local(topic) else None


BULK: Final = PublisherSettings(batch_messages=1_000, in_flight_messages=10_000, in_flight_bytes=40_000_000)
"""For whole files: larger requests, and more of them in flight."""
