"""`python -m tools.page_picture`: the pictures of the live page in the README, taken while `rookery demo --open` shows it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

_PICTURES: Final = Path(__file__).parents[1] / "docs" / "pictures"
_FILES: Final = {"light": "watch.png", "dark": "watch-dark.png"}
_WIDTH: Final = 1360
_SECTIONS: Final = 5
"""Cards that are in the picture: measurements, drift, throughput, latency, batches."""
_PATIENCE_MS: Final = 120_000


def main() -> int:
    """Run the demo, take both pictures once its report is printed, and end it with Ctrl-C; returns its exit code."""
    with tempfile.TemporaryDirectory() as folder, _demo(Path(folder)) as demo:
        address = ""
        for line in demo.stdout or ():
            if found := re.search(r"The page: (http://\S+)", line):
                address = found[1]
            if "rookery publish file" in line:
                break
        if address:
            _take(address)
            demo.send_signal(signal.SIGINT)
        return demo.wait()


def _demo(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "rookery", "demo", "--open"]
    return subprocess.Popen(  # noqa: S603  this project's own program
        words, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "BROWSER": "true"}
    )


def _take(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for scheme, name in _FILES.items():
            context = browser.new_context(
                color_scheme="dark" if scheme == "dark" else "light",
                viewport={"width": _WIDTH, "height": 900},
            )
            context.set_default_timeout(_PATIENCE_MS)
            page = context.new_page()
            page.goto(address, wait_until="domcontentloaded")
            page.wait_for_selector("body[data-waiting=false] #batches .main-svg")
            last = page.locator("section:visible").nth(_SECTIONS - 1).bounding_box()
            height = int(last["y"] + last["height"] + 16) if last else _WIDTH
            page.screenshot(
                path=_PICTURES / name,
                full_page=True,
                clip={"x": 0, "y": 0, "width": _WIDTH, "height": height},
            )
            context.close()
        browser.close()


if __name__ == "__main__":
    raise SystemExit(main())
