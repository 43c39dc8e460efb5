"""The benchmark's arithmetic: spreads, ratios by round, promises, and the document that shows them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.__main__ import DOCUMENTS
from benchmarks.report import comparison
from benchmarks.report.document import render, table
from benchmarks.report.figures import Figures
from benchmarks.report.picture import draw, draw_growth
from benchmarks.report.promise import ORIGINAL, SpeedBound, promises
from benchmarks.report.spread import Spread, ratio, shown, spread
from benchmarks.report.stated import restated, summarized
from benchmarks.servers.server_spec import AIOHTTP_NOOP, PEER_SERVERS, request_bodies
from benchmarks.servers.worker import FAST, SLOW
from rookery.load.report.provenance import provenance
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from pathlib import Path


def section(*records: dict[str, Any]) -> dict[str, Any]:
    return {
        "provenance": asdict(provenance()),
        "records": list(records),
        "absent": {"BentoML": "it ended with 1"},
        "notes": {"Rookery": "folder sink"},
    }


def single(who: str, round_: int, cpu_us: float, **figures: float | str) -> dict[str, Any]:
    known = {
        "family": who.split(",", maxsplit=1)[0],
        "connections": 64,
        "per_second": 1e6 / cpu_us,
        "p50_ms": 1.0,
    }
    measured = {"p99_ms": cpu_us / 10, "server_busy": 0.97, "generator_busy": 0.5}
    held = {"pss_mb": 66.0, "start_seconds": 1.0}
    return {"round": round_, "who": who, "cpu_us": cpu_us, **known, **measured, **held, **figures}


@pytest.fixture
def figures() -> dict[str, Any]:
    records = [
        single(who, round_, cpu * factor)
        for round_, factor in enumerate((1.0, 3.0, 1.1))
        for who, cpu in (
            (FAST.name, 20.0),
            ("mosec, batch 64", 40.0),
            ("mosec, batch 8", 80.0),
            (SLOW.name, 60.0),
            (AIOHTTP_NOOP.name, 40.0),
            (ORIGINAL, 1400.0),
        )
    ]
    return {"singles": section(*records)}


def by_name(figures: dict[str, Any]) -> dict[str, SpeedBound]:
    return {each.said: each for each in promises(figures)}


def test_a_spread_is_the_median_between_its_extremes() -> None:
    """One slow round moves the extreme and not the figure."""
    assert spread([3.0, 100.0, 1.0]) == Spread(median=3.0, low=1.0, high=100.0)


def test_nothing_measured_is_no_figure() -> None:
    """A spread of no rounds is an error, never a zero."""
    with pytest.raises(ValueError, match="no round"):
        spread([])


def test_a_ratio_is_formed_within_each_round() -> None:
    """Noise that slows both in one round leaves their ratio alone; a round that only one has does not count."""
    assert ratio({0: 10.0, 1: 30.0, 2: 99.0}, {0: 20.0, 1: 60.0}) == Spread(0.5, 0.5, 0.5)


def test_ratios_of_no_common_round_are_refused() -> None:
    """Figures that were never measured side by side are not compared."""
    with pytest.raises(ValueError, match="no round"):
        ratio({0: 1.0}, {1: 1.0})


@pytest.mark.parametrize(
    ("value", "said"), [(123_456.7, "123,457"), (45.67, "45.7"), (1.234, "1.23"), (0.0123, "0.012")]
)
def test_figures_show_what_they_can_mean(value: float, said: str) -> None:
    """Three digits or so, thousands apart."""
    assert shown(value) == said


def test_a_peers_best_setting_counts(figures: dict[str, Any]) -> None:
    """Rookery is held against that setting of mosec whose median is best, not against a convenient one."""
    found = Figures(figures["singles"])
    assert found.best("mosec", "cpu_us", connections=64) == "mosec, batch 64"
    assert by_name(figures)["CPU a reading, against mosec, at 64 connections"].found == Spread(0.5, 0.5, 0.5)


def test_promises_are_checked_by_the_median_and_their_direction(figures: dict[str, Any]) -> None:
    """A bound that is kept is held, one that is not is named so, one without figures is neither."""
    found = by_name(figures)
    assert found["CPU a reading, against mosec, at 64 connections"].held is True
    slow_path = found["CPU a reading, slow path alone, against aiohttp's own no-op, at 64 connections"]
    assert (slow_path.held, slow_path.verdict) == (False, "NOT HELD")
    assert found["CPU a reading, against mosec, at 256 connections"].held is None
    assert SpeedBound("pushes", 3.0, Spread(2.9, 1.0, 9.0), at_most=False).held is False


def test_an_hour_cut_short_promises_nothing() -> None:
    """Memory that was flat over less than an hour's worth of requests is not called flat."""
    hour = [
        {"round": 0, "who": "over an hour's worth", "requests": count, "rss_mb": 100.0} for count in (10, 20)
    ]
    said = "resident memory at the end of an hour's worth of requests, against its middle"
    assert by_name({"footprint": section(*hour)})[said].found is None
    hour[-1]["requests"] = 720_000
    assert by_name({"footprint": section(*hour)})[said].found == Spread(1.0, 1.0, 1.0)


def test_the_document_says_who_was_absent_and_where_figures_come_from(figures: dict[str, Any]) -> None:
    """Every table has its date, commit and command; an absent peer is named with its reason; a broken promise is loud."""
    said = render(figures)
    origin = figures["singles"]["provenance"]
    for part in ("Left out: BentoML, for it ended with 1.", origin["date"], origin["commit"], "`make bench"):
        assert part in said
    assert "| **NOT HELD** |" in said
    assert "| Rookery | 22.0 (20.0 to 60.0) |" in said


def test_the_comparison_names_the_bounds_that_do_not_hold_before_any_figure(figures: dict[str, Any]) -> None:
    """A reader sees first where Rookery is worse than it promised, then each peer beside it, never a bound on what is possible."""
    said = comparison.render(figures)
    failed = said.index(
        "| CPU a reading, slow path alone, against aiohttp's own no-op, at 64 connections | at most 1.35 |"
    )
    assert said.index("## Bounds that are NOT HELD") < failed < said.index("## Single readings")
    assert "| mosec, batch 64 | 44.0 (40.0 to 120) | 2.00 (2.00 to 2.00) |" in said
    assert "no-op |" not in said.partition("## Single readings")[2]


def test_the_pages_of_figures_are_those_of_the_data() -> None:
    """Both documents are what `make bench` writes from the kept figures (`python -m benchmarks --render` writes them anew)."""
    kept = json.loads((DOCUMENTS / "performance.json").read_text())
    assert (DOCUMENTS / "performance.md").read_text() == render(kept)
    assert (DOCUMENTS / "explanation" / "comparison.md").read_text() == comparison.render(kept)


def test_a_document_of_nothing_promises_nothing() -> None:
    """Without figures every promise is there, and none is called held."""
    assert "| held |" not in render({})
    assert "**not measured**" in render({})


def test_tables_are_markdown() -> None:
    """Head, rule, rows."""
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_the_picture_is_drawn(figures: dict[str, Any], tmp_path: Path) -> None:
    """A PNG of some size, and none where there is nothing to draw."""
    draw(figures, tmp_path / "figures.png")
    assert (tmp_path / "figures.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    draw({}, tmp_path / "nothing.png")
    assert not (tmp_path / "nothing.png").exists()


def test_each_peer_is_asked_for_the_same_reading() -> None:
    """Every request body holds the reading, as a push in base64 or encoded for the peer's own protocol."""
    reading = ReadingFactory(1).reading()
    for peer in PEER_SERVERS:
        (body,) = request_bodies(peer, [reading])
        assert b'"data":' in body
        assert len(body) > 100


def test_the_other_sections_stand_in_the_document_by_model_and_axis() -> None:
    """Models, table sizes, neighbours and growth have a table each, with the figures of their own model only."""
    records = [
        {**single("Rookery", 0, 10.0), "model": "reference"},
        {**single("Rookery", 0, 50.0), "model": "large"},
    ]
    sized = [
        {"round": 0, "who": "Rookery, Arrow", "model": "shipped", "rows": rows, "rows_per_second": rows * 7.0}
        for rows in (150, 10_000)
    ]
    beside = [{"round": 0, "who": "paced, alone", "model": "large", "p50_ms": 1.0, "p99_ms": 4.0}]
    grown = [
        {"round": 0, "who": "Rookery", "axis": "connections", "at": at, "cpu_us": 90.0 / at} for at in (1, 8)
    ]
    parts = {"models": records, "tables": sized, "neighbours": beside, "growth": grown}
    said = render({name: section(*each) for name, each in parts.items()})
    assert "A large model, 500 trees of depth 6, 30 features:\n\n| server" in said
    assert "| Rookery | 50.0 (50.0 to 50.0) |" in said
    assert "| Rookery, Arrow | 10,000 | 70,000 (70,000 to 70,000) | - | - |" in said
    assert "| paced, alone | 1.00 (1.00 to 1.00) | 4.00 (4.00 to 4.00) | - |" in said
    assert "| 8 | 11.2 (11.2 to 11.2) |" in said


def test_growth_is_drawn(tmp_path: Path) -> None:
    """A PNG with a panel for each axis that was measured, and none where none was."""
    records = [
        {"round": round_, "who": who, "axis": axis, "at": at, "cpu_us": 50.0 / at}
        for round_ in (0, 1)
        for axis, who in (("trees", "Rookery"), ("trees", "mosec, batch 64"), ("rate", "Rookery"))
        for at in (1, 10)
    ]
    draw_growth({"growth": section(*records)}, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    draw_growth({}, tmp_path / "nothing.png")
    assert not (tmp_path / "nothing.png").exists()


def test_a_sentence_with_figures_follows_the_benchmark(figures: dict[str, Any]) -> None:
    """The rates that a page states are rewritten with the figures, and stay where one of them was not measured."""
    page = "One worker answers 1 single readings or 2 rows in tables a second."
    assert restated(page, figures) == page
    rows = {"round": 0, "who": "Rookery, JSON", "model": "reference", "rows": 1000, "rows_per_second": 2e6}
    said = restated(page, {**figures, "tables": section(rows)})
    assert said == "One worker answers 45,455 single readings or 2,000,000 rows in tables a second."


def test_figures_of_a_busy_machine_say_so(figures: dict[str, Any]) -> None:
    """A table that was measured while many other programs ran says it, and one of a quiet machine does not."""
    origin = figures["singles"]["provenance"]
    origin.update(load=30.2, cores=2)
    assert "- **A busy machine**: 30 programs wanted to run on its 2 CPUs." in render(figures)
    origin.update(load=1.5)
    assert "A busy machine" not in render(figures)


def test_the_readme_has_the_figures_of_the_benchmark(figures: dict[str, Any]) -> None:
    """The paragraph on performance is written anew from the run, and nothing else; without all of its figures it stays."""
    text = "# A\n\nAt 64 connections a reading costs\n1 us.\n\n## B\n"
    assert summarized(text, figures) == text
    rows = [
        {"round": 0, "who": who, "model": "reference", "rows": 1000, "rows_per_second": rate}
        for who, rate in (("Rookery, JSON", 2e6), ("Rookery, Arrow", 4e6), ("raw inplace_predict", 1e6))
    ]
    peer = [single("durable mosec, batch 64", 0, 80.0, family="durable mosec")]
    whole = {"singles": section(*figures["singles"]["records"], *peer), "tables": section(*rows)}
    said = " ".join(summarized(text, whole).split())
    assert said.startswith("# A At 64 connections a reading that is verified")
    assert (
        "costs 22 us of CPU: 0.014 times the original design's, 0.25 times that of a mosec that syncs" in said
    )
    assert (
        "0.50 times that of one that does not. Tables of 1,000 rows reach 2.00 (JSON) and 4.00 (Arrow)"
        in said
    )
    assert said.endswith("## B")
