"""The saved models, fitted once by a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of every saved model and, beside each, the answers of its own wrapper."""
    folder = tmp_path_factory.mktemp("models")
    run_saved_models(folder)
    return folder


def run_saved_models(*arguments: Path | str) -> None:
    program = "tests.rookery.registry.adoption.saved_models"
    subprocess.run([sys.executable, "-m", program, *map(str, arguments)], check=True, cwd=ROOT)
