"""The page in a real browser: its content, without a console message, and with hostile readings as text."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from rookery.environment.process import RookeryProcess, worker
from rookery.schemas.testing import ReadingFactory
from tests.rookery.watch.visits import served, visited, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(300)

HOSTILE = '<img src="/nowhere" onerror="document.title=1">'
BYTES = b'{"sex": "f", \xff <script>'
NOW = datetime.now(UTC)
CUT = """() => [
  ...[...document.querySelectorAll("main *, header *, footer *")]
    .filter((it) => !it.closest("svg, .scroll, .bar") && it.clientWidth && it.scrollWidth > it.clientWidth + 1),
  ...[...document.querySelectorAll(".chart text")].filter((it) => {
    const [own, chart] = [it.getBoundingClientRect(), it.closest(".chart").getBoundingClientRect()];
    return own.width && (own.left < chart.left - 1 || own.right > chart.right + 1 || own.bottom > chart.bottom + 1);
  }),
].map((it) => it.textContent)"""
"""Texts that are wider than their element, and labels that leave their chart."""


def prediction(nth: int, *, outlier: bool = False) -> dict[str, Any]:
    features = ReadingFactory(nth).fields("Gentoo" if nth % 2 else "Adelie")
    return {
        "reading_id": f"reading-{nth}",
        "message_id": f"m{nth}",
        "species": "Gentoo" if nth % 2 else "Adelie",
        "probability": 0.99,
        "probabilities": {"Adelie": 0.99},
        "out_of_distribution": outlier,
        "model": "e93ac8fb8e7e",
        "published_at": (NOW - timedelta(milliseconds=50)).isoformat(),
        "predicted_at": NOW.isoformat(),
        "features": features,
    }


def rejection() -> dict[str, Any]:
    return {
        "reasons": [{"field": HOSTILE, "rule": "unknown field", "value": HOSTILE}],
        "original": base64.b64encode(BYTES).decode(),
        "reading_id": HOSTILE,
        "message_id": "m",
        "rejected_at": NOW.isoformat(),
        "revision": "r",
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("results")
    write(root, "predictions", "a", [prediction(nth, outlier=nth == 7) for nth in range(300)])
    write(root, "rejections", "a", [rejection()])
    return root


@pytest.fixture(scope="module")
def address(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    logs = tmp_path_factory.mktemp("logs")
    arguments = [str(root), "--port", "0", "--ready-file", str(logs / "watch.ready")]
    with RookeryProcess("rookery.watch", logs, arguments=arguments) as page:
        yield page.address()
        assert page.stop() == 0, page.tail()


def test_the_page_shows_the_results(browser: Browser, address: str) -> None:
    """The page shows totals, species, the outlier, drift per feature, the model, and the newest rejection."""
    with visited(browser, address) as page:
        expect(page.locator("#predicted")).to_have_text("300")
        expect(page.locator("#rejected")).to_have_text("1")
        expect(page.locator("#ood")).to_have_text("1")
        expect(page.locator("#say-scatter")).to_contain_text("Adelie 150, Chinstrap 0, Gentoo 150")
        expect(page.locator("#say-drift")).to_contain_text("Drifted from the training data: ")
        expect(page.locator("#drift li")).to_have_count(8)
        expect(page.locator("#facts")).to_contain_text("e93ac8fb8e7e")
        expect(page.locator("#legend-scatter li")).to_have_text(
            ["Adelie", "Chinstrap", "Gentoo", "out of distribution"]
        )
        # Every chart has drawn something: in the first each species, and its outliers.
        for chart in ("scatter", "rates", "latencies", "batches", "days"):
            expect(page.locator(f"#{chart} .main-svg").first).to_be_visible()
        assert page.evaluate("document.getElementById('scatter').data.map((trace) => trace.x.length)") == [
            150,
            0,
            149,
            0,
            0,
            1,
        ]
        colours = page.evaluate("document.getElementById('scatter').data.map((trace) => trace.marker.color)")
        assert colours[:3] == colours[3:6]


def test_far_values_do_not_squeeze_the_others(browser: Browser, tmp_path: Path) -> None:
    """The axes span the usual bills; the number outside is stated, and the table of the points holds these too."""
    lines = [prediction(nth) for nth in range(100)]
    for line, length in zip(lines, (4500.0, 0.1), strict=False):
        line["features"]["bill_length_mm"] = length
    write(tmp_path, "predictions", "a", lines)
    with served(tmp_path, tmp_path) as address, visited(browser, address) as page:
        expect(page.locator("#say-scatter")).to_contain_text("; 2 outside the axes.")
        low, high = page.evaluate("document.getElementById('scatter').layout.xaxis.range")
        assert 25 < low < high < 70
        summary = page.locator("#table-scatter summary")
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#table-scatter tbody tr")).to_have_count(100)
        expect(page.locator("#table-scatter tbody")).to_contain_text("4,500")


def test_a_zoom_stays_while_results_come(browser: Browser, tmp_path: Path) -> None:
    """Dragging zooms into the bills, new results leave the view where it is, and a double click resets it."""
    ranges = "() => JSON.stringify(document.getElementById('scatter').layout.xaxis.range)"
    write(tmp_path, "predictions", "a", [prediction(nth) for nth in range(100)])
    desktop = {"viewport": {"width": 1360, "height": 900}}
    with served(tmp_path, tmp_path) as address, visited(browser, address, **desktop) as page:
        whole = page.evaluate(ranges)
        ground = page.locator("#scatter .nsewdrag").first
        box = ground.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 100, box["y"] + 80)
        page.mouse.down()
        page.mouse.move(box["x"] + 300, box["y"] + 220, steps=5)
        page.mouse.up()
        page.wait_for_function(f"({ranges})() !== {json.dumps(whole)}")
        zoomed = page.evaluate(ranges)
        write(tmp_path, "predictions", "b", [prediction(nth) for nth in range(100, 200)])
        expect(page.locator("#predicted")).to_have_text("200", timeout=10_000)
        assert page.evaluate(ranges) == zoomed
        ground.dblclick(position={"x": 200, "y": 150})
        page.wait_for_function(f"({ranges})() !== {json.dumps(zoomed)}")
        (low, high), (left, right) = json.loads(page.evaluate(ranges)), json.loads(zoomed)
        assert low < left < right < high


@pytest.mark.parametrize("width", [390, 800, 1360])
def test_no_word_is_cut(browser: Browser, address: str, width: int) -> None:
    """At each width every text is inside its element, and every label of a chart inside its chart."""
    with visited(browser, address, viewport={"width": width, "height": 900}) as page:
        assert page.evaluate(CUT) == []


def test_the_page_shows_the_workers_statistics(browser: Browser, tmp_path: Path) -> None:
    """With `--worker` the page shows when the model was loaded, latency by phase, retries and duplicates."""
    with worker(tmp_path, results=tmp_path / "predictions", rejects=tmp_path / "rejections") as running:
        data = base64.b64encode(b'{"body_mass_g": 4000}').decode()
        push = {"message": {"data": data, "messageId": "m1"}, "subscription": "projects/p/subscriptions/s"}
        request = urllib.request.Request(  # noqa: S310  loopback
            running.address(), json.dumps(push).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  loopback
            assert answer.status == 204
        arguments = [str(tmp_path), "--worker", running.address(), "--port", "0"]
        arguments += ["--ready-file", str(tmp_path / "watch.ready")]
        with (
            RookeryProcess("rookery.watch", tmp_path, arguments=arguments) as page_server,
            visited(browser, page_server.address()) as page,
        ):
            facts = page.locator("#facts")
            for label in ("Loaded at", "Queue time", "Inference", "Sink write", "Request latency"):
                expect(facts).to_contain_text(label)
            expect(facts).to_contain_text("Nacked for retrynone")
            expect(facts).to_contain_text("Duplicates0")
            expect(page.locator("#backlog-note")).to_have_text("readings in the worker's queue")


def test_hostile_readings_stay_text(browser: Browser, address: str) -> None:
    """Text from a sender is shown as it was written; none of it runs."""
    with visited(browser, address) as page:
        expect(page.locator("#rejections td code").first).to_have_text(HOSTILE)
        assert page.locator("#rejections img").count() == 0
        assert page.title() == "Rookery"


def test_the_original_bytes_can_be_saved_and_never_run(browser: Browser, address: str) -> None:
    """The link downloads the original payload."""
    with visited(browser, address) as page:
        with page.expect_download() as started:
            page.get_by_role("link", name="Original bytes of").first.click()
        assert Path(started.value.path()).read_bytes() == BYTES


def test_news_reach_an_open_page_and_a_paused_one_waits(browser: Browser, address: str, root: Path) -> None:
    """The page updates without a reload, and one key pauses it."""
    with visited(browser, address) as page:
        pause = page.get_by_role("button", name="Pause")
        pause.focus()
        page.keyboard.press("Enter")
        expect(pause).to_have_attribute("aria-pressed", "true")
        shown = page.locator("#rejected").text_content()
        write(root, "rejections", "b", [{**rejection(), "reading_id": "later"}])
        with page.expect_response("**/state"):
            page.evaluate("fetch('state')")
        page.wait_for_timeout(1500)  # that nothing happens can only be waited for
        expect(page.locator("#rejected")).to_have_text(str(shown))
        page.keyboard.press("Enter")
        expect(page.locator("#rejected")).to_have_text("2", timeout=10_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(browser: Browser, address: str, scheme: Any) -> None:
    """Light and dark, every colour of words has a contrast of 4.5 against its card, as WCAG AA asks."""
    with visited(browser, address, color_scheme=scheme) as page:
        colours = page.evaluate(
            "Object.fromEntries(['card', 'ink', 'soft', 'alarm', 'good', 'notable', 'label-2'].map((name) => [name,"
            " getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()]))"
        )
    card = colours.pop("card")
    assert {
        name: contrast(card, colour) for name, colour in colours.items() if contrast(card, colour) < 4.5
    } == {}


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, address: str) -> None:
    """Everything fits a narrow screen, and what is touched is large enough."""
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    with visited(browser, address, **phone) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert (
            page.get_by_role("button", name="Pause").evaluate("(it) => it.getBoundingClientRect().height")
            >= 36
        )


def test_keyboard_and_screen_reader_find_everything(browser: Browser, address: str) -> None:
    """Landmarks, a heading a card, a name and a description in words for each chart, and a way past the header."""
    with visited(browser, address) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the charts")).to_be_focused()
        assert page.get_by_role("heading", level=2).count() == page.locator("section:visible").count() == 9
        for chart in page.locator(".chart[role=img]").all():
            described = page.locator(f"#{chart.get_attribute('aria-describedby')}")
            assert (described.text_content() or "").strip()
        expect(page.get_by_role("status")).not_to_have_text("")


def test_every_answer_forbids_what_is_not_needed(address: str) -> None:
    """No script but the page's own files, no frame around it, no guessing of types."""
    for path in ("", "page.js", "plotly.min.js", "state", "rejections/1"):
        with urllib.request.urlopen(f"{address}{path}", timeout=10) as answer:  # noqa: S310  loopback
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "script-src" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}rejections/999", timeout=10)  # noqa: S310  loopback


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours `#rrggbb`."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8090"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "watch"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
    ids=str,
)
def test_results_are_shown_to_no_other_host_or_origin(
    address: str, headers: dict[str, str], status: int
) -> None:
    """A page elsewhere reads nothing here, not even where its owner points a name of theirs at this machine."""
    for path in ("", "state", "events", "rejections/1", "page.js"):
        request = urllib.request.Request(address + path, headers=headers)  # noqa: S310  the page's own
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310  the same
                found = answer.status
        except urllib.error.HTTPError as error:
            found = error.code
            error.close()
        assert found == status, path


def test_a_page_for_other_machines_is_served_by_the_names_that_are_allowed(
    root: Path, tmp_path: Path
) -> None:
    """By address always, by name where `--allowed-hosts` or ROOKERY_ALLOWED_HOSTS has it."""
    found = {}
    arguments = [str(root), "--host", "0.0.0.0", "--port", "0", "--allowed-hosts", "laptop.local"]  # noqa: S104
    arguments += ["--ready-file", str(tmp_path / "watch.ready")]
    with RookeryProcess("rookery.watch", tmp_path, arguments=arguments) as page:
        port = urlsplit(page.address()).port
        for host in ("laptop.local", "192.168.1.7:8090", "evil.example"):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/state", headers={"Host": host})
            try:
                with urllib.request.urlopen(request) as answer:  # noqa: S310  the same
                    found[host] = answer.status
            except urllib.error.HTTPError as error:
                found[host] = error.code
                error.close()
    assert found == {"laptop.local": 200, "192.168.1.7:8090": 200, "evil.example": 403}
