"""The price of a run against production, before it starts: at most so many messages, in the deployment's own billing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.load.simulation.monthly import MONTH_S, Load, monthly_bill
from rookery.load.simulation.prices import UnknownRegionError, prices
from rookery.load.simulation.service import measured
from rookery.load.swarm.settings import SwarmSettings

if TYPE_CHECKING:
    from rookery.load.simulation.monthly import CloudDeployment
    from rookery.load_test.options import LoadOptions

_MESSAGE_BYTES: Final = 200
_ROW_BYTES: Final = 65
"""Bytes of a single reading as a message, and of a row of a table (rookery.capacity.plan)."""

_SECONDS: Final = 60.0
"""How long a shape lasts at the least: a shorter run costs no more instances than this."""


def price_sentence(options: LoadOptions, deployment: CloudDeployment) -> str:
    """The most that the run can spend: every message a table, and the instances that this brings on."""
    try:
        known = prices(deployment.region)
    except UnknownRegionError as unknown:
        return f"The price is unknown: {unknown}"
    messages, rows = options.max_messages or 0, SwarmSettings().table_rows
    chosen = options.swarm_settings.get("seconds")
    seconds = max(_SECONDS, float(str(chosen)) if chosen else 0.0)
    load = Load(
        rate=messages * rows / seconds,
        rows=rows,
        message_bytes=max(_MESSAGE_BYTES, rows * _ROW_BYTES),
    )
    month = monthly_bill(deployment, load, measured(), known)
    spent = (month.total - month.idle) * seconds / MONTH_S
    return (
        f"At most ${spent:,.2f} for {messages:,} messages of up to {rows} readings ({deployment.name}, {deployment.region},"
        f" list prices of {known.date}), beside ${month.idle:,.2f} a month for the idle instances."
    )
