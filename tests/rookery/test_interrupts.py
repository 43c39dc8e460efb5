"""Ctrl-C while a command still imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WAITS = """
import sys

class Waits:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.stdout.write("importing\\n")
            sys.stdout.flush()
            sys.stdin.read()

sys.meta_path.insert(0, Waits())
"""
"""Stops a program in the middle of an import until its standard input ends."""

PROGRAMS = {
    "the command line": (["--help"], "rookery.cli"),
    "a command": (["plan", "--rate", "50/s"], "rookery.capacity.run"),
    "the worker": (["serve", "--port", "0"], "uvloop"),
    "the broker": (["broker", "--port", "0"], "rookery.broker.faults"),
    "training": (["train", "--out", "{tmp}/model.ubj"], "rookery.training.recipe"),
    "the page": (["watch", "{tmp}", "--port", "0"], "rookery.watch.server"),
}


@pytest.mark.parametrize(("arguments", "module"), PROGRAMS.values(), ids=PROGRAMS)
def test_an_interrupted_import_ends_without_a_traceback(
    arguments: list[str], module: str, tmp_path: Path
) -> None:
    """The command ends by the signal or with 130, and prints at most one line."""
    (tmp_path / "sitecustomize.py").write_text(WAITS.format(module=module))
    with subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "rookery",
            *(each.replace("{tmp}", str(tmp_path)) for each in arguments),
        ],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=50)
    assert process.returncode in {-signal.SIGINT, 130}
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 1
