"""Expiration: subscriptions that were used by no client for the `ttl` of their expiration policy are deleted."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from rookery.broker.errors import ApiError

if TYPE_CHECKING:
    from rookery.broker.service.catalogue import Catalogue

log: Final = logging.getLogger(__name__)

CHECK_SECONDS: Final = 60.0
"""Time between two checks; the shortest `ttl` is a day."""


async def expire_for_ever(catalogue: Catalogue) -> None:
    """Check again and again."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        await delete_expired(catalogue, catalogue.clock())


async def delete_expired(catalogue: Catalogue, now: float) -> None:
    """Delete each subscription that is expired at `now`, by the catalogue's clock; a failure leaves it for the next check."""
    for name in catalogue.standings():
        policy = catalogue.subscription(name).expiration_policy
        seconds = policy.ttl.ToSeconds()
        if not policy.HasField("ttl") or catalogue.dispatcher(name).idle_seconds(now) < seconds:
            continue
        try:
            await catalogue.delete_subscription(name)
        except ApiError as error:
            log.warning("expired subscription %s could not be deleted: %s", name, error)
        else:
            log.warning("subscription %s expired: no client used it for %d seconds", name, seconds)
