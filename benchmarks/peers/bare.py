"""The least process that could predict: numpy, xgboost, the model; says so on a line, then waits for its input's end.

As in the worker's image, there is no scikit-learn for xgboost to import.
"""

from __future__ import annotations

import sys

sys.modules["sklearn"] = None  # type: ignore[assignment]

from benchmarks.peers.model import load  # noqa: E402  after scikit-learn is hidden

if __name__ == "__main__":
    booster = load()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
