"""The demo as a user runs it: its report, its files, its exit code, and no process left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import psutil
import pytest

from rookery.demo.traffic import BURST_ROUNDS
from rookery.environment import process as child
from rookery.load.accounting.folder_results import predictions, rejections
from rookery.publisher.topics import LOCAL_PROJECT

if TYPE_CHECKING:
    from pathlib import Path


def demo(*arguments: str) -> subprocess.Popen[str]:
    """Start the demo with nothing of this environment's settings."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("ROOKERY_", "PUBSUB_"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "rookery", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean,
    )


def assert_everything_landed(page: str, root: Path, *, bursts: int = 0) -> None:
    """The report's sums equal the files': 342 readings twice and in each burst, two unmeasured as often, twenty malformed."""
    predicted, rejected = 342 * (2 + bursts), 2 * (2 + bursts) + 20
    assert f"Reconciliation passed: {predicted + rejected} = {predicted} + {rejected} + 0." in page
    found, refused = list(predictions(root / "predictions")), list(rejections(root / "rejections"))
    assert len(found) == predicted
    assert len(refused) == rejected
    assert all(one.reasons for one in refused)


def test_the_demo_accounts_for_every_penguin(tmp_path: Path) -> None:
    """Over the embedded broker: exit code 0, nothing lost, real batches, files that say the same, no logs left."""
    with demo("--results", str(tmp_path)) as running:
        page, said = running.communicate(timeout=50)
    assert running.returncode == 0, page + said
    assert_everything_landed(page, tmp_path, bursts=BURST_ROUNDS)
    # Each phase names the readings that it published, in messages of one or of 43.
    assert re.findall(r"^ +in tables +(\d+) +(\d+) ", page, flags=re.MULTILINE) == [("8", "344")]
    *_, mean, _ = next(
        line.split() for line in page.splitlines() if "burst" in line and "published" not in line
    )
    assert float(mean) > 8
    assert not (tmp_path / "logs").exists()


@pytest.mark.emulator
@pytest.mark.parametrize("options", [(), ("--pull",)], ids=["pushed", "pulled"])
def test_the_demo_runs_over_googles_emulator(
    options: tuple[str, ...], google_emulator: str, tmp_path: Path
) -> None:
    """Reconciliation passes over Google's own broker too, and the run deletes its topics and subscriptions."""
    with demo("--use-emulator", google_emulator, "--results", str(tmp_path), *options) as running:
        page, said = running.communicate(timeout=55)
    assert running.returncode == 0, page + said
    # The emulator pushes two messages at a time, which would make a burst take minutes.
    assert_everything_landed(page, tmp_path, bursts=BURST_ROUNDS if options else 0)
    for kind in ("topics", "subscriptions"):
        with urllib.request.urlopen(f"http://{google_emulator}/v1/projects/{LOCAL_PROJECT}/{kind}") as answer:
            assert json.load(answer) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_demo_leaves_no_process_behind(number: signal.Signals, tmp_path: Path) -> None:
    """A signal that ends the demo ends its broker and worker too, and the message names the folder of logs."""
    with (
        child.broker(tmp_path) as silent,
        demo("--results", str(tmp_path), "--use-emulator", silent.address()) as running,
    ):
        (worker,) = _children(running.pid)
        running.send_signal(number)
        _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "Interrupted" in said
    assert "logs" in said
    assert "Traceback" not in said
    assert not worker.is_running()


def _children(pid: int) -> list[psutil.Process]:
    """Wait until the process has children."""
    parent = psutil.Process(pid)
    while parent.is_running():
        found = [each for each in parent.children() if "rookery.worker" in each.cmdline()]
        if found:
            return found
    raise AssertionError("the demo ended before it began")
