"""axe-core over a page in a browser, as axe-playwright-python ships it; nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

_GRAVE = {"serious", "critical"}


def grave_violations(page: Page) -> list[str]:
    """Each serious or critical violation: its rule, and the element."""
    # Most elements of a page pass; axe would describe each of them.
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {node['html']}"
        for each in found
        if each["impact"] in _GRAVE
        for node in each["nodes"]
    ]
