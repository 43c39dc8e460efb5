"""The examples, each run as it stands: the programs beside a station, and the notebook with a station of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.timeout(420)  # a notebook's kernel and a station start on a busy machine

STATION = """
rookery up --data station --ready-file ready &
for i in $(seq 600); do test -e ready && break; sleep 0.1; done
"""
PROGRAMS = {"device.py", "file.sh", "frame.py", "own_model.py"}
NOTEBOOK = """
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read("notebook.ipynb", nbformat.NO_CONVERT)
NotebookClient(notebook, timeout=200).execute()
nbformat.write(notebook, "done.ipynb")
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like a clone of Rookery, with the examples in it."""
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data" / "penguins.csv", tmp_path / "data")
    for file in EXAMPLES.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


def run(script: str, folder: Path, before: list[str]) -> str:
    """The output of a script, in a network of its own, so that no port is anybody else's."""
    lines = ["set -eu", "ip link set lo up", "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT", script]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
    }
    done = subprocess.run(
        [*before, "bash", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
        timeout=400,
    )
    assert done.returncode == 0, f"{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_every_example_is_run_and_listed() -> None:
    """A new example is run by the tests here, and stands in the page of examples and in the folder's own list."""
    found = {file.name for file in EXAMPLES.iterdir()} - {"README.md"}
    assert found == PROGRAMS | {"notebook.ipynb"}
    for page in (ROOT / "docs" / "howto" / "examples.md", EXAMPLES / "README.md"):
        assert [name for name in sorted(found) if name not in page.read_text()] == []
    assert max(len((EXAMPLES / name).read_text().splitlines()) for name in PROGRAMS) <= 40


def test_the_programs_run_beside_a_station(clone: Path, network_namespace: list[str]) -> None:
    """A device, a file, a frame and an own model: each program ends well, with what it promises in its output."""
    commands = (
        f"echo {name}; {'sh' if name.endswith('.sh') else 'python'} {name}" for name in sorted(PROGRAMS)
    )
    said = run("\n".join([STATION, *commands]), clone, network_namespace)
    assert "three readings are with the broker" in said
    assert "342 classified, 2 with a reason" in said
    assert (clone / "classified.xlsx").exists()
    assert re.search(r"Biscoe\s+Adelie\s+44\s+Gentoo\s+123\s", said)
    assert "'setosa', 'versicolor', 'virginica'" in said


def test_the_notebook_runs_to_its_plot(clone: Path, network_namespace: list[str]) -> None:
    """Trained, served, published, read back and drawn: no cell fails, and the last but one shows a picture."""
    run(f"python - <<'END'{NOTEBOOK}END", clone, network_namespace)
    cells = [
        each
        for each in json.loads((clone / "done.ipynb").read_text())["cells"]
        if each["cell_type"] == "code"
    ]
    assert not [each for cell in cells for each in cell["outputs"] if each["output_type"] == "error"]
    assert any("image/png" in each.get("data", {}) for each in cells[-2]["outputs"])


def test_the_notebook_is_kept_without_outputs() -> None:
    """A committed picture would be of another day."""
    cells = json.loads((EXAMPLES / "notebook.ipynb").read_text())["cells"]
    assert [each["id"] for each in cells if each.get("outputs") or each.get("execution_count")] == []
