"""Reference: the model that the bounds were thought out for, made anew for each run as a real artifact."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.progress import say
from benchmarks.servers.environment import EnvironmentMissingError
from rookery.data import SHIPPED
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DEPTH: Final = 4
ROUNDS: Final = 100
SAID: Final = f"the design's reference model, {ROUNDS} rounds of depth {DEPTH}"
_DATA: Final = ROOT / "data" / f"{SHIPPED}.csv"
_MADE_WITHIN_S: Final = 300


def reference_model(folder: Path, *, depth: int = DEPTH, rounds: int = ROUNDS) -> Path:
    """Train it into a folder, by the command that anybody has; raises EnvironmentMissingError."""
    out = folder / "reference.ubj"
    say(f"training {SAID}")
    size = ["--depth", str(depth), "--rounds", str(rounds)]
    command = [sys.executable, "-m", "rookery", "train", "--data", str(_DATA), "--out", str(out), *size]
    try:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=_MADE_WITHIN_S)  # noqa: S603  the project's own command
    except subprocess.TimeoutExpired:
        raise EnvironmentMissingError(
            f"the reference model was not trained within {_MADE_WITHIN_S} s"
        ) from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise EnvironmentMissingError(f"the reference model could not be trained: {said}") from None
    return out
