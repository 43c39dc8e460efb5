"""mosec: a front in Rust with dynamic batching, one worker process in Python."""

from __future__ import annotations

from mosec import Server, Worker  # type: ignore[import-not-found,unused-ignore]  # in its own environment only

from benchmarks.peers.model import BATCH, WAIT_MS, load, winners
from benchmarks.peers.push_body import row


class ClassifyWorker(Worker):  # type: ignore[misc,unused-ignore]
    """Reads each push, predicts them together."""

    def __init__(self) -> None:
        self._booster = load()

    def deserialize(self, data: bytes) -> tuple[float, ...]:
        """Read one push."""
        return row(data)

    def forward(self, data: list[tuple[float, ...]]) -> list[int]:
        """Predict one batch; a batch of one may come bare."""
        return winners(self._booster, data)

    def serialize(self, data: int) -> bytes:
        """Write one answer."""
        return b'{"label":%d}' % data


if __name__ == "__main__":
    server = Server()
    server.append_worker(ClassifyWorker, num=1, max_batch_size=BATCH, max_wait_time=WAIT_MS)
    server.run()
