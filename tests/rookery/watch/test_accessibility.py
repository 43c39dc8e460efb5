"""The page by axe-core in every state, and its pictures for people: ROOKERY_TEST_PICTURES names the folder that they go to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.accessibility import grave_violations
from tests.rookery.watch.page_states import SEASON, states
from tests.rookery.watch.visits import visited

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = os.environ.get("ROOKERY_TEST_PICTURES", "")
READINGS = SEASON if PICTURES else 1_000
"""axe checks each point of a chart: some hundred of them tell as much as thousands."""
WIDTHS = {"desktop": 1360, "tablet": 800, "phone": 390}


@pytest.mark.timeout(600)
def test_no_state_of_the_page_has_a_grave_violation(browser: Browser, tmp_path: Path) -> None:
    """Empty, full, drifted and with dead programs beside it, light and dark: no serious and no critical violation."""
    found = {}
    with states(tmp_path, READINGS) as every:
        for name, enter in every.items():
            address = enter()
            for scheme in ("light", "dark"):
                options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 1360, "height": 900}}
                with visited(browser, address, **options) as page:
                    if name == "down":
                        expect(page.locator("#status")).to_have_attribute("data-state", "lost")
                        expect(page.locator("#status")).to_contain_text("the broker has not answered since")
                    # Closed tables are parts of the page, too.
                    for each in page.locator("summary").all():
                        if PICTURES == "" and each.is_visible():
                            each.click()
                    found[name, scheme] = grave_violations(page)
                    pictures(page, f"{name}-{scheme}")
    assert {state: each for state, each in found.items() if each} == {}
    assert len(found) == 8


def pictures(page: Page, name: str) -> None:
    """Whole pages at each width, and one that the keyboard has gone through."""
    if not PICTURES:
        return
    for width in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(800)  # a chart draws itself anew a moment after its width
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1360, "height": 900})
    for nth in range(4 if name.startswith("full") else 0):
        page.keyboard.press("Tab")
        page.screenshot(path=Path(PICTURES) / f"{name}-focus-{nth}.png")
