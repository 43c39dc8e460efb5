"""The page beside a run: live updates during the run, and the ledger's totals at its end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from rookery.environment.process import RookeryProcess

if TYPE_CHECKING:
    from pathlib import Path


def state(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}state", timeout=10) as answer:  # noqa: S310  loopback
        found: dict[str, Any] = json.loads(answer.read())
    return found


def settled(address: str, predicted: int, rejected: int) -> dict[str, Any]:
    """The page's state as soon as it has these totals."""
    while True:
        found = state(address)
        totals = found["totals"]
        if (totals["predicted"], totals["rejected"]) == (predicted, rejected):
            return found
        time.sleep(0.2)  # the page polls once a second; this test does not read its events


@pytest.mark.timeout(90)
def test_a_load_is_watched_while_it_lasts_and_to_the_last_reading(tmp_path: Path) -> None:
    """The totals grow during the load test, and end as its ledger does."""
    out, logs = tmp_path / "load", tmp_path / "logs"
    logs.mkdir()
    words = ["load", "--shape", "baseline", "--seconds", "6", "--out", str(out)]
    page = RookeryProcess(
        "rookery.watch",
        logs,
        arguments=[str(out), "--port", "0", "--ready-file", str(logs / "watch.ready")],
    )
    with page, subprocess.Popen([sys.executable, "-m", "rookery", *words], stdout=subprocess.DEVNULL) as load:
        address, seen = page.address(), []
        while load.poll() is None:
            seen.append(state(address)["totals"]["predicted"])
            time.sleep(0.25)  # a reader's interval
        assert load.returncode == 0
        books = json.loads((out / "run.json").read_text())["books"]
        shown = settled(address, books["predicted"], books["rejected"])
    assert shown["error"] is None
    assert shown["totals"]["predicted"] == books["predicted"] > 0
    assert shown["totals"]["rejected"] == books["rejected"]
    # Live: it had grown at least three times before the end.
    assert len({count for count in seen if count}) >= 3


@pytest.mark.timeout(90)
def test_the_demo_opens_a_page_that_stays(tmp_path: Path) -> None:
    """`rookery demo --open` serves the page, accounts for every reading, keeps broker and worker for more of them, and ends all with Ctrl-C."""
    environment = {**os.environ, "BROWSER": "true"}
    folder = tmp_path / "demo"
    words = [sys.executable, "-m", "rookery", "demo", "--open", "--results", str(folder)]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(words, **streams, env=environment, cwd=tmp_path) as demo:
        assert demo.stdout is not None
        said, address, more = [], "", ""
        for line in demo.stdout:
            said.append(line)
            if found := re.search(r"The page: (http://\S+)", line):
                address = found[1]
            if found := re.search(r"rookery (publish file) FILE (.+)$", line):
                more = f"{found[1]} FILE {found[2]}"
                break
        (account,) = [line for line in said if "Reconciliation passed" in line]
        predicted, rejected = map(int, re.findall(r"= (\d+) \+ (\d+) \+ 0", account)[0])
        shown = settled(address, predicted, rejected)
        assert (shown["totals"]["predicted"], shown["totals"]["rejected"]) == (predicted, rejected)
        assert shown["worker"]["ready"] == 1
        assert shown["broker"] == {"backlog": 0, "outstanding": 0, "nacked": shown["broker"]["nacked"]}
        (tmp_path / "more.csv").write_text("bill_length_mm\n40\n41\n")
        more_words = [str(tmp_path / "more.csv") if each == "FILE" else each for each in more.split()]
        subprocess.run([sys.executable, "-m", "rookery", *more_words], check=True, capture_output=True)
        settled(address, predicted + 2, rejected)
        children = psutil.Process(demo.pid).children()
        assert len(children) == 3
        demo.send_signal(signal.SIGINT)
        assert demo.wait(15) == 0
        assert "Traceback" not in demo.stdout.read()
    assert [each for each in children if each.is_running()] == []
    assert not (folder / "logs").exists()
