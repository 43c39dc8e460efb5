"""Raw `inplace_predict` on encoded rows: each line of the input is `CHUNK SECONDS`, each answer is JSON."""

from __future__ import annotations

import json
import sys
import time

sys.modules["sklearn"] = None  # type: ignore[assignment]

import numpy as np  # noqa: E402  after scikit-learn is hidden

from benchmarks.peers.model import load  # noqa: E402


def main(rows_file: str) -> None:
    """Predict the rows of a .npy file over and over in chunks of one size."""
    booster = load()
    rows = np.load(rows_file)
    for asked in sys.stdin:
        chunk, seconds = map(int, asked.split())
        chunks = [rows[start : start + chunk] for start in range(0, len(rows) - chunk + 1, chunk)]
        begin, cpu, count = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - begin < seconds:
            for each in chunks:
                booster.inplace_predict(each)
                count += len(each)
        said = {
            "rows": count,
            "seconds": time.perf_counter() - begin,
            "cpu_seconds": time.process_time() - cpu,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
