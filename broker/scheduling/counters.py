"""Totals and current state of one subscription."""

from __future__ import annotations

from dataclasses import dataclass, field

from rookery.broker.histogram import DurationHistogram, Percentiles


@dataclass(slots=True)
class Counters:
    """Running totals of deliveries and their ends; durations in seconds."""

    published: int = 0
    delivered: int = 0
    acked: int = 0
    nacked: int = 0
    expired: int = 0
    dead_lettered: int = 0
    dropped: int = 0
    lost_acks: int = 0
    latency: DurationHistogram = field(default_factory=DurationHistogram)
    age: DurationHistogram = field(default_factory=DurationHistogram)

    def standing(
        self, outstanding: int, backlog: int, window: int | None, backoff_seconds: float | None
    ) -> SubscriptionStats:
        """Put the totals together with how things stand now."""
        return SubscriptionStats(
            outstanding=outstanding,
            backlog=backlog,
            published=self.published,
            delivered=self.delivered,
            acked=self.acked,
            nacked=self.nacked,
            expired=self.expired,
            dead_lettered=self.dead_lettered,
            dropped=self.dropped,
            lost_acks=self.lost_acks,
            window=window,
            backoff_seconds=backoff_seconds,
            latency=self.latency.percentiles(),
            age=self.age.percentiles(),
        )


@dataclass(frozen=True, slots=True)
class SubscriptionStats:
    """A subscription at one moment: what it holds, what it did, how fast.

    `latency` is from delivery to ack, `age` from publish to ack; `dropped` messages outlived their retention.
    `window` and `backoff_seconds` are None for a pull subscription.
    """

    outstanding: int
    backlog: int
    published: int
    delivered: int
    acked: int
    nacked: int
    expired: int
    dead_lettered: int
    dropped: int
    lost_acks: int
    window: int | None
    backoff_seconds: float | None
    latency: Percentiles
    age: Percentiles
