"""Every number on the page against a recount of the result lines, in a real browser."""

from __future__ import annotations

import json
import math
import re
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from rookery.environment.process import broker, worker
from rookery.schemas.testing import ReadingFactory
from tests.rookery.watch.visits import served, visited, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
ROWS = 100_000
RANDOM = Random(20)  # noqa: S311  repeatable, not secret
UNITS = {"ms": 1.0, "s": 1000.0}


def burst(now: datetime) -> list[dict[str, Any]]:
    """The lines of a burst over 12 seconds, in batches; the latency grows, and the first of each second are quick."""
    lines: list[dict[str, Any]] = []
    factory = ReadingFactory(20)
    begin = now.replace(microsecond=0) - timedelta(seconds=30)
    while len(lines) < ROWS:
        done = len(lines) / ROWS
        at = begin + timedelta(seconds=12 * done)
        for nth in range(min(RANDOM.randint(1, 400), ROWS - len(lines))):
            quick = at.microsecond < 20_000
            wait = (
                RANDOM.uniform(0.001, 0.004)
                if quick
                else RANDOM.lognormvariate(math.log(0.2 + 2 * done), 0.3)
            )
            outlier = RANDOM.random() < 0.006
            species = SPECIES[(len(lines) + nth) % 3]
            sampled = outlier or nth < 4
            lines.append(
                {
                    "reading_id": f"reading-{len(lines)}",
                    "message_id": f"m{len(lines)}",
                    "species": species,
                    "probability": 0.9,
                    "probabilities": {species: 0.9},
                    "out_of_distribution": outlier,
                    "model": "e93ac8fb8e7e",
                    "published_at": (at - timedelta(seconds=wait)).isoformat(),
                    "predicted_at": at.isoformat(),
                    **({"features": factory.fields(species)} if sampled else {}),
                }
            )
    return lines


def rejections(now: datetime, count: int) -> list[dict[str, Any]]:
    return [
        {
            "reasons": [{"field": "sex", "rule": "one of 'female' or 'male' is needed", "value": '"f"'}],
            "original": "e30=",
            "reading_id": f"rejected-{nth}",
            "message_id": f"r{nth}",
            "rejected_at": (now - timedelta(seconds=25)).isoformat(),
            "revision": "r",
        }
        for nth in range(count)
    ]


def waits_by_second(lines: list[dict[str, Any]]) -> dict[int, list[float]]:
    """Latencies in milliseconds by the second of their prediction."""
    found: dict[int, list[float]] = {}
    for line in lines:
        at, published_at = (datetime.fromisoformat(line[name]) for name in ("predicted_at", "published_at"))
        found.setdefault(int(at.timestamp()), []).append(1000 * (at - published_at).total_seconds())
    return found


def exact(values: list[float], share: float) -> float:
    """A percentile by nearest rank."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def batch_sizes(lines: list[dict[str, Any]]) -> dict[str, int]:
    """Batches by the least power of two that holds them, as JSON names them."""
    sizes = Counter(line["predicted_at"] for line in lines).values()
    return {
        str(size): count
        for size, count in sorted(Counter(2 ** math.ceil(math.log2(each)) for each in sizes).items())
    }


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


@pytest.mark.timeout(180)
def test_every_number_is_a_recount_of_the_lines(browser: Browser, tmp_path: Path) -> None:
    """After a burst of 100,000 rows counts are exact and p50 and p99 within 5 %, the same in tile, sentence and chart; duplicate lines count once."""
    now = datetime.now(UTC)
    lines, rejected = burst(now), rejections(now, 700)
    root = tmp_path / "results"
    with served(root, tmp_path) as address, visited(browser, address) as page:
        expect(page.locator("#empty")).to_contain_text(f"No result in {root} yet.")
        expect(page.locator("#empty code")).to_have_text(
            f"rookery serve --results {(root / 'predictions').as_uri()} --rejects {(root / 'rejections').as_uri()}"
        )
        for part in range(10):
            write(root, "predictions", f"{part}", lines[part * ROWS // 10 : (part + 1) * ROWS // 10])
        write(root, "predictions", "again", lines[:50])
        write(root, "rejections", "a", rejected)
        expect(page.locator("#rejected")).to_have_text("700", timeout=90_000)
        expect(page.locator("#predicted")).to_have_text("100,000", timeout=90_000)
        expect(page.locator("#predicted-note")).to_have_text("50 duplicate lines skipped", timeout=90_000)
        expect(page.locator("#empty")).to_be_hidden()
        # Charts and sentences are of one moment, for the window moves on: the state is that of the pause.
        paused = "() => { document.getElementById('pause').click(); return JSON.stringify(latest); }"
        state = json.loads(page.evaluate(paused))
        tiles_and_sentences(page, lines, rejected)
        charts(page, state, lines)


def tiles_and_sentences(page: Page, lines: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> None:
    outliers = sum(line["out_of_distribution"] for line in lines)
    by_second = waits_by_second(lines)
    waits = [wait for each in by_second.values() for wait in each]
    assert text(page, "rejected-note") == f"{100 * len(rejected) / (len(rejected) + ROWS):.1f} % of all"
    assert text(page, "ood") == f"{outliers}"
    assert text(page, "ood-note") == f"{100 * outliers / ROWS:.1f} % of predicted"
    assert text(page, "rate") == "0"
    assert re.fullmatch(r"no result for \d+ (s|min)", text(page, "rate-note"))
    p50, p99 = exact(waits, 0.50), exact(waits, 0.99)
    shown = [*durations(text(page, "latency")), *durations(text(page, "latency-note"))]
    assert shown == pytest.approx([p50, p99], rel=0.05)
    assert durations(text(page, "say-latency")) == shown
    assert f"over {ROWS:,} readings" in text(page, "say-latency")
    busiest = Counter({second: len(each) for second, each in by_second.items()})
    busiest.update(int(datetime.fromisoformat(line["rejected_at"]).timestamp()) for line in rejected)
    said = re.findall(r"^([\d,]+) readings in .*, at most ([\d,]+) in a second", text(page, "say-rate"))
    assert said == [(f"{ROWS + len(rejected):,}", f"{max(busiest.values()):,}")]
    batches = Counter(line["predicted_at"] for line in lines)
    largest = 2 ** math.ceil(math.log2(max(batches.values())))
    assert (
        text(page, "say-batches") == f"{len(batches):,} batches; the largest held up to {largest} readings."
    )
    with_features = sum("features" in line for line in lines)
    sentence = text(page, "say-scatter")
    assert sentence.startswith(
        f"A random sample: 1,000 ({100_000 / with_features:.0f} %) of the {with_features:,} readings"
    )
    share = 1000 * outliers / ROWS
    assert f"{round(share) / 10:.1f} % of the points out of distribution" in sentence
    species = Counter(line["species"] for line in lines)
    assert sentence.endswith(f"In all: {', '.join(f'{name} {species[name]:,}' for name in SPECIES)}.")
    assert text(page, "reasons").startswith("700sex")


def charts(page: Page, state: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    by_second = waits_by_second(lines)
    rows = {row[0]: row for row in state["seconds"] if row[1]}
    assert {second: row[1] for second, row in rows.items()} == {
        at: len(each) for at, each in by_second.items()
    }
    for second, waits in by_second.items():
        assert rows[second][3:] == pytest.approx([exact(waits, 0.50), exact(waits, 0.99)], rel=0.05)
    window = range(state["window"]["from"], state["window"]["to"])
    assert drawn(page, "rates", "y")[0] == [len(by_second.get(second, [])) for second in window]
    assert drawn(page, "rates", "x")[0][0] == datetime.fromtimestamp(window[0], UTC).isoformat()[:19]
    for place, percentiles in enumerate(drawn(page, "latencies", "y"), 3):
        assert percentiles == [rows[second][place] if second in rows else None for second in window]
    assert state["batches"] == batch_sizes(lines)
    days = Counter((line["published_at"][:10], line["species"]) for line in lines)
    assert {(day, name): count for day, each in state["days"].items() for name, count in each.items()} == days
    points = [len(trace) for trace in drawn(page, "scatter", "x")]
    outliers = round(1000 * state["totals"]["out_of_distribution"] / ROWS)
    assert (sum(points[:3]), sum(points[3:6])) == (1000 - outliers, outliers)


@pytest.fixture
def patient() -> Iterator[None]:
    """Expectations may take as long as a loaded machine needs."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("patient")
def test_a_worker_or_broker_that_does_not_answer_is_red_until_it_does(
    browser: Browser, tmp_path: Path
) -> None:
    """Killed or hanging, each is named red with since when, and shown as before when it is back; never as if it had not been named."""
    results, rejects = tmp_path / "predictions", tmp_path / "rejections"
    with worker(tmp_path, results=results, rejects=rejects) as first, broker(tmp_path) as queue:
        port = int(first.address().rpartition(":")[2].strip("/"))
        named = ["--worker", first.address(), "--broker", queue.address()]
        with served(tmp_path, tmp_path, *named) as address, visited(browser, address) as page:
            status, model = page.locator("#status"), page.locator("#say-model")
            expect(model).to_have_text("The worker is ready.")
            expect(page.locator("#backlog-note")).to_have_text("messages at the broker")
            expect(page.locator("#empty")).to_contain_text("rookery publish")
            first.popen.kill()
            expect(status).to_have_attribute("data-state", "lost")
            expect(status).to_have_text(re.compile(r"The worker has not answered since [\d:]{8} UTC"))
            expect(model).to_contain_text(f"The worker at {first.address()} has not answered since")
            expect(model).to_have_class("say alarm")
            again = worker(tmp_path, results=results, rejects=rejects, port=port)
            with again:
                again.address()
                expect(model).to_have_text("The worker is ready.")
                expect(status).to_have_attribute("data-state", "wait")
                queue.popen.send_signal(signal.SIGSTOP)
                note = page.locator("#backlog-note")
                expect(note).to_have_text(re.compile("The broker has not answered since"))
                expect(note).to_have_class("note alarm")
                assert "needs --" not in page.locator("body").inner_text()
                queue.popen.send_signal(signal.SIGCONT)
                expect(note).to_have_text("messages at the broker")
