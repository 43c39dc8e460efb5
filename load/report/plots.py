"""Plots of a run, drawn once: as PNG for a document, or as SVG whose colours follow the reader's light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from rookery.load.report import series
from rookery.load.report.summary import measured
from rookery.load.swarm.per_second_stats import BROKEN_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.load.report.run_folder import LoadRun
    from rookery.load.report.series import Series

mpl.use("agg")

_WIDE: Final = (7.6, 2.5)

Draw = Callable[[Any, "Palette"], None]
"""Draws on axes in the colours of a palette."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of a plot."""

    ink: str
    faint: str
    first: str
    second: str
    third: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The colours of the lines, in order."""
        return (self.first, self.second, self.third)


LIGHT: Final = Palette(ink="#24292f", faint="#d0d7de", first="#0969da", second="#bc4c00", third="#1a7f37")
THEMED: Final = Palette(ink="#010101", faint="#020202", first="#030303", second="#040404", third="#050505")
"""Stand-ins that become `var(--ink)` and so on in an SVG."""

_NARROW: Final = 1_000
_HEADROOM: Final = 1.08
"""The top of a linear axis, times the highest value."""
_SLOTS: Final = 6
"""Bars that fit side by side at least."""
_ROUND: Final = (1, 2, 5, 10)
"""Steps between ticks, times a power of ten."""

_WHOLE: Final = frozenset({"batches", "instances", "messages", "pushes at once", "readings", "users"})
"""Units of which there are no halves."""


def as_svg(figure: Figure) -> str:
    """Write a figure that was drawn with THEMED as an `<svg>` for a page with the variables of a Palette."""
    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for each in fields(Palette):
        svg = svg.replace(getattr(THEMED, each.name), f"var(--{each.name})")
    return svg


def as_png(figure: Figure) -> bytes:
    """Write a figure as PNG."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110, facecolor="white", metadata={"Software": None})
    return written.getvalue()


def figure(draw: Draw, palette: Palette) -> Figure:
    """Make a figure of one set of axes, plain, for a function to draw on."""
    made = Figure(figsize=_WIDE, layout="constrained")
    axes = made.subplots()
    _plain(axes, palette)
    draw(axes, palette)
    return made


def sheet(run: LoadRun, palette: Palette) -> Figure:
    """All plots of a run on one sheet, two in a row, for a document."""
    drawn = panels(run)
    rows = -(-len(drawn) // 2)
    made = Figure(figsize=(2 * _WIDE[0], rows * (_WIDE[1] + 0.3)), layout="constrained")
    every = list(made.subplots(rows, 2, squeeze=False).flat)
    for axes, (title, draw) in zip(every, drawn.items(), strict=False):
        _plain(axes, palette)
        draw(axes, palette)
        axes.set_title(title, loc="left", pad=20, fontsize=10, color=palette.ink, fontweight="bold")
    for axes in every[len(drawn) :]:
        axes.set_visible(False)
    return made


def _plain(axes: Any, palette: Palette) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(palette.faint)
    axes.tick_params(colors=palette.ink, labelsize=8, length=0)
    axes.grid(axis="y", color=palette.faint, linewidth=0.6)
    axes.set_axisbelow(True)


def lines(
    axes: Any, palette: Palette, drawn: Sequence[Series], *, unit: str, lowest: float | None = 0
) -> None:
    """Draw lines over seconds, named in a legend; `lowest` None draws on a logarithmic scale."""
    for each, colour in zip(drawn, palette.lines * 2, strict=False):
        axes.plot(each.seconds, each.values, color=colour, linewidth=1.6, label=each.name)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds", color=palette.ink, fontsize=8)
    axes.set_ylabel(unit if lowest is not None else f"{unit}, log scale", color=palette.ink, fontsize=8)
    if lowest is None:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=7))
        axes.minorticks_off()
    else:
        axes.set_ylim(bottom=lowest, top=_HEADROOM * (axes.dataLim.ymax or 1))
        axes.yaxis.set_major_locator(_ticks(unit))
    axes.yaxis.set_major_formatter(FuncFormatter(_figure))
    if len(drawn) > 1:
        # Above the axes, where no line is.
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderpad": 0}
        axes.legend(frameon=False, fontsize=8, labelcolor=palette.ink, ncols=4, **place)


def bars(axes: Any, palette: Palette, counts: Sequence[tuple[str, float]], *, unit: str, across: str) -> None:
    """Draw counts by name."""
    axes.bar([name for name, _ in counts], [count for _, count in counts], color=palette.first, width=0.7)
    # A few bars stand at the left, no wider than bars are where there are more.
    axes.set_xlim(-0.6, max(len(counts), _SLOTS) - 0.4)
    axes.set_ylim(0, _HEADROOM * (axes.dataLim.ymax or 1))
    axes.set_xlabel(across, color=palette.ink, fontsize=8)
    axes.set_ylabel(unit, color=palette.ink, fontsize=8)
    axes.yaxis.set_major_locator(_ticks(unit))
    axes.yaxis.set_major_formatter(FuncFormatter(_figure))


def _ticks(unit: str) -> MaxNLocator:
    return MaxNLocator(nbins=5, steps=_ROUND, integer=unit in _WHOLE, min_n_ticks=1)


def plots(run: LoadRun, palette: Palette) -> dict[str, Figure]:
    """Draw everything of a run that there is something of, by title."""
    return {title: figure(draw, palette) for title, draw in panels(run).items()}


def panels(run: LoadRun) -> dict[str, Draw]:
    """The figures of a run, by title."""
    rates = [series.smoothed(each) for each in series.throughput(run)]
    requests, watched = measured(run, publishing=True), measured(run, publishing=False)
    over_time: dict[str, tuple[list[Series], str, float | None]] = {
        "Readings a second": (rates, f"readings/s, mean of {series.SMOOTHED_S:g} s", 0),
        "Readings in flight": (series.backlog(run), "readings", 0),
        f"Publish latency of {requests:,} requests": (series.publish_latency(run), "ms", None),
        f"From publication to durable, {watched:,} readings": (series.durable_latency(run), "ms", None),
        "CPU": (series.cpu(run), "cores", 0),
        "Memory": (series.memory(run), "MB", 0),
        "Users": (series.users(run), "users", 0),
    }
    labels = [(name, float(count)) for name, count in sorted(run.record.labels.items())]
    counted: dict[str, tuple[list[tuple[str, float]], str, str]] = {
        "Batch sizes": (series.batch_sizes(run), "batches", "readings, up to"),
        "Predictions by label": (labels, "readings", ""),
    }
    return {
        **{
            title: _lines(known, unit=unit, lowest=lowest)
            for title, (known, unit, lowest) in over_time.items()
            if any(each.values for each in known)
        },
        **{
            title: _bars(counts, unit=unit, across=across)
            for title, (counts, unit, across) in counted.items()
            if counts
        },
    }


def _lines(drawn: Sequence[Series], *, unit: str, lowest: float | None) -> Draw:
    def _draw(axes: Any, palette: Palette) -> None:
        lines(axes, palette, drawn, unit=unit, lowest=lowest)
        highest = max((max(each.values) for each in drawn if each.values), default=0.0)
        if lowest is None and highest > BROKEN_MS / 3:
            axes.axhline(BROKEN_MS, color=palette.ink, linewidth=0.8, linestyle=":")

    return _draw


def _bars(counts: Sequence[tuple[str, float]], *, unit: str, across: str) -> Draw:
    return lambda axes, palette: bars(axes, palette, counts, unit=unit, across=across)


def _figure(value: float, _place: int) -> str:
    return f"{value:,.0f}" if value >= _NARROW else f"{value:g}"
