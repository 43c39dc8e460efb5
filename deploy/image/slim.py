# noqa: INP001  a program of its own, run by its path in the image
"""Slim: remove from a folder of packages the files that a running worker never reads, and compile the others.

Run while the image is built: `python3 slim.py FOLDER`.
"""

from __future__ import annotations

import compileall
import py_compile
import shutil
import sys
from pathlib import Path
from typing import Final

NEVER_READ: Final = ("*.pyi", "*.pyx", "*.pxd", "*.h", "*.hpp", "*.c", "*.cpp", "*.a")
"""Files that only compilers, editors and type checkers read."""

NEVER_IMPORTED: Final = (
    # The lock holds what builds a wheel and what a terminal shows; an image needs neither.
    *("markdown_it", "mdurl", "pkg_resources", "pygments", "rich", "setuptools", "shellingham", "typer"),
    # xgboost imports only scipy.sparse, and with it scipy.special; these are three fifths of scipy.
    *(f"scipy/{name}" for name in ("cluster", "datasets", "differentiate", "fft", "fftpack", "integrate")),
    *(f"scipy/{name}" for name in ("interpolate", "io", "ndimage", "odr", "optimize", "signal", "spatial")),
    "scipy/stats",
)
"""Packages of the lock that no worker imports; the test of the image holds it against a running one."""


def slim(root: Path) -> None:
    """Remove unused packages, tests, stubs and sources of extensions below a folder; raises OSError."""
    for name in NEVER_IMPORTED:
        shutil.rmtree(root / name, ignore_errors=True)
    for tests in sorted(root.rglob("tests")):
        if tests.is_dir():
            shutil.rmtree(tests)
    for pattern in NEVER_READ:
        for path in root.rglob(pattern):
            path.unlink()


def compiled(root: Path) -> bool:
    """Compile every module; without bytecode a cold start imports four times as long. False where one fails."""
    # Bytecode that is checked against no source: image layers do not keep times that could be compared.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    return bool(compileall.compile_dir(root, quiet=1, workers=0, invalidation_mode=mode))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    slim(folder)
    sys.exit(not compiled(folder))
