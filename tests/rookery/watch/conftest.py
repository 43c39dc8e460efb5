"""The browser of the page's tests."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 60_000
"""How long a page may take on a machine that has other work."""
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One of each file: Playwright runs a loop in this thread, so that no asynchronous test could run beside it."""
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        expect.set_options(timeout=5_000)
        browser.close()
