"""Environments: one for each peer, made from its lock when it is first needed, kept until the lock changes."""

from __future__ import annotations

import hashlib
import subprocess
import venv
from typing import TYPE_CHECKING, Final

from benchmarks.progress import say
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = ROOT / ".venv-bench"
LOCKS: Final = ROOT / "requirements" / "bench"
_MADE_WITHIN_S: Final = 600


class EnvironmentMissingError(Exception):
    """A peer cannot be had here; the sentence says why."""


def python_of(name: str) -> Path:
    """Give the Python of an environment, making it where it is missing or old; raises EnvironmentMissingError."""
    lock = LOCKS / f"{name}.txt"
    home = FOLDER / name
    mark, digest = home / "lock.sha256", hashlib.sha256(lock.read_bytes()).hexdigest()
    python = home / "bin" / "python"
    if mark.exists() and mark.read_text() == digest:
        return python
    say(f"making .venv-bench/{name} from requirements/bench/{name}.txt (once)")
    venv.create(home, clear=True, symlinks=True, with_pip=True)
    # Without dependencies: the lock is whole, but for xgboost, whose place xgboost-cpu takes.
    command = [str(python), "-m", "pip", "install", "--quiet", "--quiet", "--no-deps", "--require-hashes"]
    try:
        subprocess.run(  # noqa: S603  pip, with the project's own lock
            [*command, "-r", str(lock)], check=True, capture_output=True, text=True, timeout=_MADE_WITHIN_S
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentMissingError(f"its environment was not made within {_MADE_WITHIN_S} s") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise EnvironmentMissingError(f"its environment could not be made: {said}") from None
    mark.write_text(digest)
    return python
