"""The installation as the documents describe it: extras, badges, and `make install` with the command that it names."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from rookery.cli import app

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GUIDE = (ROOT / "docs" / "howto" / "install.md").read_text()


def test_every_extra_is_described() -> None:
    """The table of extras has those of the project, each with what it brings, and no other."""
    table = GUIDE.partition("## Extras\n")[2].partition("\n## ")[0]
    described = re.findall(r"^\| `([a-z]+)` \| (.+) \|$", table, flags=re.MULTILINE)
    assert {name for name, _ in described} == set(PROJECT["optional-dependencies"])


def test_all_is_everything() -> None:
    """`pip install '.[all]'` brings every other extra."""
    (everything,) = PROJECT["optional-dependencies"]["all"]
    named = set(re.findall(r"[a-z]+", everything.partition("[")[2]))
    assert named == set(PROJECT["optional-dependencies"]) - {"all"}


@pytest.mark.parametrize(
    ("badge", "expected"),
    [
        ("license", PROJECT["license"]),
        ("python", " | ".join(each[-4:] for each in PROJECT["classifiers"] if ":: 3." in each)),
    ],
)
def test_a_badge_says_what_the_project_says(badge: str, expected: str) -> None:
    """The badges are files of the repository: no foreign service draws them, so the project's own data must agree."""
    assert f"{badge}: {expected}<" in (ROOT / "docs" / "pictures" / f"badge-{badge}.svg").read_text()


def test_make_install_names_the_next_command(tmp_path: Path) -> None:
    """After the installation the next command stands on the screen, and it exists."""
    done = subprocess.run(
        ["make", "-s", "-C", str(ROOT), "-o", ".venv/runtime", "install"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    (command,) = re.findall(r"Next: \.venv/bin/rookery ([a-z]+)", done.stdout)
    assert command in typer.main.get_command(app).commands  # type: ignore[attr-defined]
