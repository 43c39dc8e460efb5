"""Every number on the page against a recount of the result lines, in a real browser."""

from __future__ import annotations

import json
import math
import os
import re
import signal
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from rookery.environment.local import Folders, staged
from rookery.environment.process import broker, worker
from rookery.schemas.segment import sealed
from rookery.schemas.testing import ReadingFactory
from tests.rookery.watch.recount import SPECIES, compare, drift, stability
from tests.rookery.watch.visits import served, visited, write

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from rookery.publisher.client import ReadingPublisher

ROWS = 100_000
PUBLISHED = int(os.environ.get("ROOKERY_TEST_BURST", "10000"))
"""Readings of the burst over broker and worker; `make page` publishes 100,000."""
TITLES = ("Bill length", "Bill depth", "Flipper length", "Body mass")
RANDOM = Random(20)  # noqa: S311  repeatable, not secret


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


@pytest.mark.timeout(300)
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
        compare(page, paused(page), lines, rejected)
        assert {title: index for title, index in drift(page).items() if title in TITLES} == pytest.approx(
            dict(zip(TITLES, stability(lines).values(), strict=True)), abs=2e-3
        )


@pytest.mark.timeout(1200)
def test_every_number_is_a_recount_after_a_published_burst(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published at once to broker and worker, each reading is on the page as in the result lines; a killed worker is red within moments, and once it is back the numbers go on."""
    monkeypatch.setenv("ROOKERY_FEATURE_SAMPLE_ROWS", "1000")
    root = tmp_path / "results"
    with staged(Folders(root)) as stage:
        named = ["--worker", stage.worker, "--broker", stage.broker]
        with served(root, tmp_path, *named) as address, visited(browser, address) as page:
            predicted, refused = publish(stage.publisher, PUBLISHED, "before")
            expect(page.locator("#predicted")).to_have_text(f"{predicted:,}", timeout=400_000)
            expect(page.locator("#rejected")).to_have_text(f"{refused:,}")
            expect(page.locator("#backlog")).to_have_text("0")
            lines, rejected = read(root, "predictions"), read(root, "rejections")
            assert (len(lines), len(rejected)) == (predicted, refused)
            compare(page, paused(page), lines, rejected)
            page.locator("#pause").click()

            first = stage.children[0]
            first.popen.kill()
            expect(page.locator("#status")).to_have_attribute("data-state", "lost")
            expect(page.locator("#say-model")).to_contain_text("The worker at")
            again = worker(
                tmp_path,
                results=root / "predictions",
                rejects=root / "rejections",
                port=int(stage.worker.rpartition(":")[2].strip("/")),
            )
            with again:
                again.address()
                more, _ = publish(stage.publisher, 2000, "after")
                expect(page.locator("#say-model")).to_have_text("The worker is ready.")
                expect(page.locator("#status")).not_to_have_attribute("data-state", "lost")
                expect(page.locator("#predicted")).to_have_text(f"{predicted + more:,}", timeout=120_000)
                state = paused(page)
                compare(page, state, read(root, "predictions"), read(root, "rejections"))


def publish(publisher: ReadingPublisher, count: int, word: str) -> tuple[int, int]:
    """Publish about so many readings, nine in ten of them as tables, some impossible; gives how many will be predicted and rejected."""
    factory = ReadingFactory(21)
    rows = [factory.fields(SPECIES[nth % 3]) | {"reading_id": f"{word}-{nth}"} for nth in range(count)]
    for nth in range(0, count, 500):
        rows[nth]["bill_length_mm"] = 4650
    for nth in range(7, count, 300):
        rows[nth]["bill_depth_mm"] = 24
    single = count // 10
    for row in rows[:single]:
        publisher.publish_payload(json.dumps(row).encode())
    for nth in range(single, count, 1000):
        part = rows[nth : nth + 1000]
        publisher.publish_payload(
            json.dumps({name: [row[name] for row in part] for name in part[0]}).encode()
        )
    publisher.flush()
    refused = len(range(0, count, 500))
    return count - refused, refused


def read(root: Path, kind: str) -> list[dict[str, Any]]:
    """The result lines of a folder, each reading once; the file of a killed worker ends with the zeros that it reserved."""
    lines = [
        json.loads(line)
        for path in sorted((root / kind).rglob("*.ndjson"))
        for line in content(path).replace("\0", "").splitlines()
    ]
    return list({line["reading_id"]: line for line in lines}.values())


def content(path: Path) -> str:
    """The text of a file, which the worker may have given its final name meanwhile."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return sealed(path).read_text()


def paused(page: Page) -> dict[str, Any]:
    """Pause the page; gives the state that it shows. Charts and sentences are of one moment, for the window moves on."""
    state: dict[str, Any] = json.loads(
        page.evaluate("() => { document.getElementById('pause').click(); return JSON.stringify(latest); }")
    )
    return state


@pytest.mark.timeout(300)
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
