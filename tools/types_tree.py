"""`python tools/types_tree.py`: the importable names as a tree of links, for type checkers that know no mapping.

`build/types` gets what an installation has (`rookery`, with the folders at the top below it) and what only
developers run.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
MAPPED: Final = ("broker", "data", "load", "publisher", "schemas", "training", "worker")
"""As in setup.py; `tests/test_packaging.py` compares them."""
DEVELOPERS: Final = ("benchmarks", "storage_emulator", "tools")


def make(tree: Path) -> None:
    """Write the tree anew; raises OSError."""
    shutil.rmtree(tree, ignore_errors=True)
    package = tree / "rookery"
    package.mkdir(parents=True)
    for entry in sorted((ROOT / "rookery").iterdir()):
        if entry.name != "__pycache__":
            (package / entry.name).symlink_to(entry)
    for folder in MAPPED:
        (package / folder).symlink_to(ROOT / folder)
    for folder in DEVELOPERS:
        (tree / folder).symlink_to(ROOT / folder)


if __name__ == "__main__":
    make(ROOT / "build" / "types")
