"""The report in a real browser, where the machine has one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rookery.load.report.page import write_page
from tests.accessibility import grave_violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.report.run_folder import RunFolder


PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


def test_the_page_draws_without_a_complaint(written: Callable[..., RunFolder]) -> None:
    """No error in the console, nothing fetched, every plot has its size and colours, the paper follows the reader, and axe-core finds nothing serious."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not on this machine: apt-get install chromium")
    folder = written()
    write_page(folder)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for scheme, paper in PAPER.items():
            page = browser.new_page(color_scheme=scheme)
            said: list[str] = []
            asked: list[str] = []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(folder.page.as_uri())
            boxes = [each.bounding_box() for each in page.locator("svg").all()]
            stroke = page.evaluate("getComputedStyle(document.querySelector('svg [id^=line2d] path')).stroke")
            assert said == []
            assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
            assert len(boxes) == 9
            assert all(box and box["width"] > 300 and box["height"] > 80 for box in boxes)
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
            assert stroke.startswith("rgb(")
            assert grave_violations(page) == []
        browser.close()
