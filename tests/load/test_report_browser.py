"""The report in a real browser, where the machine has one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from load.report_page import write_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from load.record import RunFolder


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_draws_without_a_complaint(scheme: str, written: Callable[..., RunFolder]) -> None:
    """No error in the console, nothing fetched, every plot has lines with a colour, the paper follows the reader."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    folder = written()
    write_page(folder)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(color_scheme=scheme)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(folder.page.as_uri())
        boxes = [each.bounding_box() for each in page.locator("svg").all()]
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        stroke = page.evaluate("getComputedStyle(document.querySelector('svg [id^=line2d] path')).stroke")
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len(boxes) == 9
    assert all(box and box["width"] > 300 and box["height"] > 80 for box in boxes)
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    assert stroke.startswith("rgb(")
