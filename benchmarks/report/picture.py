"""The picture: CPU a reading, requests a second and p99 of every server, as PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

from benchmarks.report.figures import Figures
from benchmarks.report.spread import shown
from benchmarks.sections.growth import AXES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

_PANELS: Final = (
    ("cpu_us", "CPU us a reading (less is better)"),
    ("per_second", "requests a second (more is better)"),
    ("p99_ms", "p99 ms (less is better)"),
)
_CONNECTIONS: Final = 64
_OURS: Final = "#1f6f8b"
_OTHERS: Final = "#b8b8b8"


def draw(figures: Mapping[str, Any], file: Path) -> None:
    """Draw the single readings at 64 connections, bars from least to greatest; nothing where there are none."""
    if "singles" not in figures:
        return
    plt = _pyplot()
    found = Figures(figures["singles"])
    figure, panels = plt.subplots(1, len(_PANELS), figsize=(16, 6), layout="constrained")
    for panel, (name, title) in zip(panels, _PANELS, strict=True):
        _bars(panel, found, name)
        panel.set_title(title)
    figure.suptitle(
        f"One core, {_CONNECTIONS} connections, one reading a request; median, least and greatest round"
    )
    figure.savefig(file, dpi=100)
    plt.close(figure)


def draw_growth(figures: Mapping[str, Any], file: Path) -> None:
    """Draw how the CPU of a reading grows, one panel for each axis that was measured; nothing where none was."""
    if "growth" not in figures:
        return
    plt = _pyplot()
    found = Figures(figures["growth"])
    axes = found.values("axis")
    figure, panels = plt.subplots(
        1, len(axes), figsize=(5 * len(axes), 4.5), layout="constrained", squeeze=False
    )
    for panel, axis in zip(panels[0], axes, strict=True):
        _curves(panel, found, axis)
    figure.suptitle("CPU us a reading, one core; median, least and greatest round")
    figure.savefig(file, dpi=100)
    plt.close(figure)


def _pyplot() -> Any:
    # No display is needed to draw a file, and none may be looked for.
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    return plt


def _curves(panel: Axes, found: Figures, axis: str) -> None:
    for who in found.contenders(axis=axis):
        places = sorted(found.values("at", axis=axis, who=who))
        spreads = [found.spread(who, "cpu_us", axis=axis, at=at) for at in places]
        middles = [each.median for each in spreads]
        reach = [
            [each.median - each.low for each in spreads],
            [each.high - each.median for each in spreads],
        ]
        colour = _OURS if who.startswith("Rookery") else _OTHERS
        panel.errorbar(places, middles, yerr=reach, marker="o", color=colour, label=who)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel(AXES[axis])
    panel.legend()


def _bars(panel: Axes, found: Figures, name: str) -> None:
    spreads = {}
    for who in found.contenders():
        try:
            spreads[who] = found.spread(who, name, connections=_CONNECTIONS)
        except KeyError:
            continue
    names = sorted(spreads, key=lambda who: spreads[who].median, reverse=name != "per_second")
    middles = [spreads[who].median for who in names]
    reach = [
        [middle - spreads[who].low for who, middle in zip(names, middles, strict=True)],
        [spreads[who].high - middle for who, middle in zip(names, middles, strict=True)],
    ]
    colours = [_OURS if who.startswith("Rookery") else _OTHERS for who in names]
    panel.barh(names, middles, xerr=reach, color=colours, ecolor="#555555")
    panel.set_xscale("log")
    panel.margins(x=0.25)
    for at, who in enumerate(names):
        panel.annotate(
            shown(spreads[who].median),
            (spreads[who].high, at),
            xytext=(6, -3),
            textcoords="offset points",
            fontsize=8,
        )
