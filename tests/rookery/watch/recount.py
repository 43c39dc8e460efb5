"""A recount of result lines, and every number of the page compared with it: tiles, sentences, and what the charts have drawn."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rookery.worker.models.loader import SHIPPED, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Page

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
UNITS = {"ms": 1.0, "s": 1000.0}
POINTS = 1000
RATE_S = 10

Lines = list[dict[str, Any]]


def at(line: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(line[name])


def waits_by_second(lines: Lines) -> dict[int, list[float]]:
    """Latencies in milliseconds by the second of their prediction."""
    found: dict[int, list[float]] = {}
    for line in lines:
        wait = at(line, "predicted_at") - at(line, "published_at")
        found.setdefault(int(at(line, "predicted_at").timestamp()), []).append(1000 * wait.total_seconds())
    return found


def exact(values: list[float], share: float) -> float:
    """A percentile by nearest rank."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def batch_sizes(lines: Lines) -> dict[int, int]:
    """Batches by the least power of two that holds them."""
    sizes = Counter(line["predicted_at"] for line in lines).values()
    return dict(sorted(Counter(2 ** math.ceil(math.log2(each)) for each in sizes).items()))


def days(lines: Lines) -> Counter[tuple[str, str]]:
    """Predictions by day of observation, of publication where that is unknown, and species."""
    moments = ((line.get("observed_at") or line["published_at"], line["species"]) for line in lines)
    return Counter(
        (datetime.fromisoformat(moment).astimezone(UTC).date().isoformat(), name) for moment, name in moments
    )


def stability(lines: Lines) -> dict[str, float]:
    """The stability index of each measurement over the newest 1,000 sampled readings, with their share of outliers."""
    card = load(SHIPPED).card
    kept: list[dict[str, Any]] = []
    seen = outliers = sampled = sampled_outliers = 0
    for line in lines:
        seen, outliers = seen + 1, outliers + line["out_of_distribution"]
        if "features" not in line:
            continue
        if not line["out_of_distribution"] or sampled_outliers * seen <= sampled * outliers:
            sampled, sampled_outliers = sampled + 1, sampled_outliers + line["out_of_distribution"]
            kept.append(line["features"])
    found = {}
    for feature in card.contract.measurements:
        usual = card.distribution[feature.name]
        values = [each[feature.name] for each in kept[-1000:] if each.get(feature.name) is not None]
        counts = np.bincount(
            np.searchsorted(usual.edges, np.float32(values).astype(np.float64), side="right"),
            minlength=len(usual.shares),
        )
        then, now = np.maximum(usual.shares, 1e-4), np.maximum(counts / len(values), 1e-4)
        found[feature.name] = float(((now - then) * np.log(now / then)).sum())
    return found


def text(page: Page, name: str) -> str:
    return page.locator(f"#{name}").text_content() or ""


def durations(words: str) -> list[float]:
    """The durations in a sentence, in milliseconds."""
    return [
        float(value) * UNITS[unit] for value, unit in re.findall(r"(?:p50|p99|^) ?([\d.]+) (ms|s)\b", words)
    ]


def drawn(page: Page, chart: str, axis: str) -> list[list[Any]]:
    """The values that Plotly has drawn, trace by trace."""
    found: list[list[Any]] = page.evaluate(
        f"document.getElementById('{chart}').data.map((trace) => Array.from(trace.{axis}))"
    )
    return found


def numbers(page: Page, selector: str) -> list[float]:
    return [float(each.replace(",", "")) for each in page.locator(selector).all_text_contents()]


def percent(part: float, whole: float) -> str:
    share = 100 * part / whole
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def compare(page: Page, state: dict[str, Any], lines: Lines, rejected: Lines) -> None:
    """The paused page against the lines: counts exact, p50 and p99 within 5 %."""
    _counts(page, lines, rejected)
    _window(page, state, lines, rejected)
    _sample(page, lines)
    _batches_and_days(page, lines)
    _rejections(page, rejected)


def _counts(page: Page, lines: Lines, rejected: Lines) -> None:
    outliers = sum(line["out_of_distribution"] for line in lines)
    assert text(page, "predicted") == f"{len(lines):,}"
    assert text(page, "rejected") == f"{len(rejected):,}"
    assert text(page, "rejected-note") == f"{percent(len(rejected), len(rejected) + len(lines))} of all"
    assert text(page, "ood") == f"{outliers:,}"
    if outliers:
        assert text(page, "ood-note") == f"{percent(outliers, len(lines))} of predicted"


def _seconds_of(lines: Iterable[dict[str, Any]], name: str) -> Counter[int]:
    return Counter(int(at(line, name).timestamp()) for line in lines)


def _window(page: Page, state: dict[str, Any], lines: Lines, rejected: Lines) -> None:
    """Throughput and latency: tiles, sentences, each bar, each point, each row of the tables' data."""
    window = range(state["window"]["from"], state["window"]["to"])
    predictions, refusals = _seconds_of(lines, "predicted_at"), _seconds_of(rejected, "rejected_at")
    by_second = {second: waits for second, waits in waits_by_second(lines).items() if second in window}
    waits = [wait for each in by_second.values() for wait in each]
    shown = [*durations(text(page, "latency")), *durations(text(page, "latency-note"))]
    assert shown == pytest.approx([exact(waits, 0.50), exact(waits, 0.99)], rel=0.05)
    assert durations(text(page, "say-latency")) == shown
    assert f"over {len(waits):,} readings" in text(page, "say-latency")
    inside = {second: predictions[second] + refusals[second] for second in window}
    said = re.findall(r"^([\d,]+) readings in .*, at most ([\d,]+) in a second", text(page, "say-rate"))
    assert said == [(f"{sum(inside.values()):,}", f"{max(inside.values()):,}")]
    _rate(page, state, inside)
    assert drawn(page, "rates", "y") == [
        [predictions[each] for each in window],
        [refusals[each] for each in window],
    ]
    assert drawn(page, "rates", "x")[0][0] == datetime.fromtimestamp(window[0], UTC).isoformat()[:19]
    for share, points in zip((0.50, 0.99), drawn(page, "latencies", "y"), strict=True):
        known = {second: point for second, point in zip(window, points, strict=True) if point is not None}
        assert known == pytest.approx({each: exact(by_second[each], share) for each in by_second}, rel=0.05)


def _rate(page: Page, state: dict[str, Any], inside: dict[int, int]) -> None:
    """The rate: the mean of the ten whole seconds before the current one, which may hold all of a quick burst; 0 after a silence."""
    rate, note = float(text(page, "rate").replace(",", "")), text(page, "rate-note")
    if note == "mean of ten seconds":
        now = state["window"]["to"] - 1
        assert rate == pytest.approx(
            sum(inside[each] for each in range(now - RATE_S, now)) / RATE_S, abs=0.05
        )
    else:
        assert re.fullmatch(r"no result for \d+ (s|min)", note)
        assert not rate


def _sample(page: Page, lines: Lines) -> None:
    """The scatter: its sentence, its points, which are readings of the lines, and their share out of distribution."""
    outliers = sum(line["out_of_distribution"] for line in lines)
    held = [line for line in lines if line.get("features")]
    sentence = text(page, "say-scatter")
    assert sentence.startswith(
        f"A random sample: {POINTS:,} ({percent(POINTS, len(held))}) of the {len(held):,} readings"
    )
    wanted = round(POINTS * outliers / len(lines))
    assert f"{percent(wanted, POINTS)} of the points out of distribution" in sentence
    assert f"(of all predictions {percent(outliers, len(lines))})" in sentence
    species = Counter(line["species"] for line in lines)
    assert sentence.endswith(f"In all: {', '.join(f'{name} {species[name]:,}' for name in SPECIES)}.")
    across, up = drawn(page, "scatter", "x"), drawn(page, "scatter", "y")
    sizes = [len(trace) for trace in across]
    assert (sum(sizes[:3]), sum(sizes[3:])) == (POINTS - wanted, wanted)
    points = Counter(
        (place % 3, place >= 3, x, y)
        for place, (xs, ys) in enumerate(zip(across, up, strict=True))
        for x, y in zip(xs, ys, strict=True)
    )
    known = Counter(
        (
            SPECIES.index(line["species"]),
            line["out_of_distribution"],
            line["features"]["bill_length_mm"],
            line["features"]["bill_depth_mm"],
        )
        for line in held
    )
    assert points <= known


def _batches_and_days(page: Page, lines: Lines) -> None:
    batches = batch_sizes(lines)
    sizes = [2**power for power in range(int(math.log2(max(batches))) + 1)]
    assert drawn(page, "batches", "y") == [[batches.get(size, 0) for size in sizes]]
    assert text(page, "say-batches") == (
        f"{sum(batches.values()):,} batches; the largest held up to {max(batches):,} readings."
    )
    counted = days(lines)
    names = sorted({day for day, _ in counted})
    assert drawn(page, "days", "y") == [[counted[day, name] for day in names] for name in SPECIES]


def _rejections(page: Page, rejected: Lines) -> None:
    reasons = Counter(
        (each["field"], each["rule"].partition(":")[0]) for line in rejected for each in line["reasons"]
    )
    assert numbers(page, "#reasons b") == [count for _, count in reasons.most_common(8)]
    assert page.locator("#rejections tr").count() == min(40, len(rejected))


def drift(page: Page) -> dict[str, float]:
    """The indexes that the page shows, by the title of their feature."""
    titles = page.locator("#drift li > span:first-child").all_text_contents()
    values = page.locator("#drift .value").all_text_contents()
    return {title: float(value.split()[0].rstrip(",")) for title, value in zip(titles, values, strict=True)}
