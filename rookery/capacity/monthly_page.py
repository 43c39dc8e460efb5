"""The month of a plan: the idle bill first, then every way of delivery and results in one table, and a plot of it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from rookery.load.report.plots import THEMED, as_svg, figure
from rookery.load.simulation.monthly import MONTH_S, MonthlyBill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.load.report.plots import Palette
    from rookery.load.simulation.monthly import CloudDeployment, Load
    from rookery.load.simulation.prices import Prices

Month = tuple["CloudDeployment", MonthlyBill]

_BILLED: Final = {
    "idle": "idle instances",
    "instances": "instances for the load",
    "requests": "Cloud Run, requests",
    "publish": "Pub/Sub, publish",
    "delivery": "Pub/Sub, push or pull",
    "writes": "Cloud Storage, writes",
    "result_topic": "Pub/Sub, results",
    "storage": "Cloud Storage, kept",
    "egress": "egress",
}
_SHARES: Final = {
    "Cloud Run": ("idle", "instances", "requests"),
    "Pub/Sub": ("publish", "delivery", "result_topic"),
    "Cloud Storage, egress": ("writes", "storage", "egress"),
}


def idle_sentence(deployment: CloudDeployment, bill: MonthlyBill, known: Prices) -> str:
    """The idle cost, which comes before any reading's."""
    count = deployment.min_instances
    instances = f"{count} instance{'' if count == 1 else 's'}"
    return (
        f"Idle: ${bill.idle:,.2f} a month without one reading ({instances} of {deployment.vcpu:g} vCPU and"
        f" {deployment.gib:g} GiB with its collector always there, {deployment.billing.value} billing,"
        f" {deployment.region}, list prices of {known.date})."
    )


def monthly_rows(months: Sequence[Month], load: Load, known: Prices) -> list[list[str]]:
    """A header, then dollars a month by way, the same for a million readings, and the writes for these."""
    millions = load.rate * MONTH_S / 1e6
    return [
        ["$ a month", *(deployment.name for deployment, _ in months)],
        *(
            [_BILLED[each.name], *(f"{getattr(bill, each.name):,.2f}" for _, bill in months)]
            for each in fields(MonthlyBill)
        ),
        ["all", *(f"{bill.total:,.2f}" for _, bill in months)],
        ["$ per million readings", *(f"{bill.total / millions:,.4f}" for _, bill in months)],
        [
            "Cloud Storage writes per million readings",
            *(
                f"{bill.writes / known.storage_per_thousand_writes * 1000 / millions:,.0f}"
                for _, bill in months
            ),
        ],
    ]


def monthly_svg(months: Sequence[Month]) -> str:
    """Dollars a month of each way, by who takes them."""
    return as_svg(figure(lambda axes, palette: _bars(axes, palette, months), THEMED))


def _bars(axes: Any, palette: Palette, months: Sequence[Month]) -> None:
    names = [deployment.name for deployment, _ in months]
    left = [0.0] * len(months)
    for (share, parts), colour in zip(_SHARES.items(), palette.lines, strict=True):
        widths = [sum(getattr(bill, part) for part in parts) for _, bill in months]
        axes.barh(names, widths, left=left, color=colour, height=0.6, label=share)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("$ a month", color=palette.ink, fontsize=8)
    axes.grid(axis="x", color=palette.faint, linewidth=0.6)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderpad": 0}
    axes.legend(frameon=False, fontsize=8, labelcolor=palette.ink, ncols=3, **place)
