"""`python -m tools.release_notes vX.Y.Z`: the changelog's section of a tag, where tag, project and changelog agree."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]


def release_notes(tag: str, project: str, changelog: str) -> str:
    """Give the section of a tag; raises ValueError where the version differs or the section has no date."""
    version = tomllib.loads(project)["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, but pyproject.toml has the version {version}")
    found = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## \[|\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if found is None:
        raise ValueError(f"CHANGELOG.md has no section [{version}] with its date")
    return found[1].strip() + "\n"


def main() -> int:
    """Print the notes of the tag; returns 1, with the reason, where there are none."""
    (tag,) = sys.argv[1:]
    try:
        notes = release_notes(
            tag, (_ROOT / "pyproject.toml").read_text(), (_ROOT / "CHANGELOG.md").read_text()
        )
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(notes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
