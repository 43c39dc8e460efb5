"""Shared by tests of the page: result files, and a visit that fails on any message of the console."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rookery.environment.process import RookeryProcess
from tests.rookery.watch.conftest import PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


def write(root: Path, kind: str, name: str, lines: list[dict[str, Any]]) -> None:
    hour = root / kind / "date=2026-11-23" / "hour=12"
    hour.mkdir(parents=True, exist_ok=True)
    (hour / f".{name}").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (hour / f".{name}").rename(hour / f"{name}.ndjson")


@contextmanager
def served(root: Path, folder: Path, *arguments: str) -> Iterator[str]:
    """The address of a page over results; its log is in `folder`."""
    ready = folder / "watch.ready"
    words = [str(root), "--port", "0", "--ready-file", str(ready), *arguments]
    with RookeryProcess("rookery.watch", folder, arguments=words) as server:
        yield server.address()


@contextmanager
def visited(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A drawn page; at the end its console must be empty, and every request must have been for the page's own server."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    logged: list[str] = []
    page.on("console", lambda message: logged.append(message.text))
    page.on("pageerror", lambda error: logged.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((address, "data:", "blob:")) else logged.append(request.url)
        ),
    )
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_selector("body[data-shown]")
    yield page
    assert logged == []
    context.close()
