"""Case: the configuration that is examined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Case:
    """A worker's settings, whole names of topic and push subscription, and the broker's HOST:PORT.

    `broker` None means Google's own Pub/Sub; `on_cloud_run` says whether this very process runs there.
    """

    settings: Settings
    topic: str
    subscription: str
    broker: str | None = None
    on_cloud_run: bool = False
