"""The words of one data set: no package names a feature, a category or a label, for all of these are a contract's."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

FOLDERS: Final = (
    "benchmarks",
    "broker",
    "data",
    "deploy",
    "load",
    "publisher",
    "rookery",
    "schemas",
    "storage_emulator",
    "tools",
    "training",
    "worker",
)
WORDS: Final = re.compile("penguin|species|bill_|flipper|adelie|torgersen", re.IGNORECASE)

ALLOWED: Final = {
    "benchmarks/peers/original_design.py": "the original service, as it was",
    "benchmarks/peers/push_body.py": "readings as the original service's peers validate them",
    "data/README.md": "the shipped data set",
    "data/__init__.py": "the shipped data set's name, which its contract and its model have too",
    "data/likeness.json": "likely values of the shipped data set",
    "data/penguins.csv": "the shipped data set",
    "deploy/bluegreen/known_readings.json": "readings of the shipped data set, with the shipped model's answers",
    "deploy/terraform/README.md": "its first example publishes the shipped data set",
    "deploy/terraform/predictions.json": "derived from the shipped contract",
    "deploy/terraform/reading.avsc": "derived from the shipped contract",
    "load/renamed.py": "former names of fields in files",
    "publisher/commands/renamed_options.py": "former names of options",
    "schemas/penguins.json": "the shipped contract",
}
"""Files of the shipped data set, files that are derived from its contract, and what was before contracts."""


@cache
def mentions() -> dict[str, list[str]]:
    """The lines of tracked text files that have such a word, by file."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found: dict[str, list[str]] = {}
    for name in filter(None, listed):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
            if WORDS.search(line):
                found.setdefault(name, []).append(f"{name}:{number}: {line.strip()[:120]}")
    return found


def test_no_package_names_a_feature_or_a_label_of_one_data_set() -> None:
    """Names of features, categories and labels stand in a contract, not in code, comments, docstrings and help."""
    new = mentions().keys() - ALLOWED.keys()
    assert [line for name in sorted(new) for line in mentions()[name]] == []


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_an_exception_is_needed(name: str) -> None:
    """A file that is clean by now is taken off the list."""
    assert name in mentions()
