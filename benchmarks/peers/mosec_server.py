"""mosec: a front in Rust with dynamic batching, one worker process in Python.

Its workers see bodies alone, so that it cannot verify a token.
"""

from __future__ import annotations

from mosec import Server, Worker  # type: ignore[import-not-found,unused-ignore]  # in its own environment only

from benchmarks.peers.model import BATCH, WAIT_MS, PeerModel
from benchmarks.peers.push_body import Pushed, pushed


class ClassifyWorker(Worker):  # type: ignore[misc,unused-ignore]
    """Reads each push, predicts them together."""

    def __init__(self) -> None:
        self._model = PeerModel()

    def deserialize(self, data: bytes) -> Pushed:
        """Read one push."""
        return pushed(data)

    def forward(self, data: list[Pushed]) -> list[int]:
        """Predict one batch."""
        return self._model.answer(data)

    def serialize(self, data: int) -> bytes:
        """Write one answer."""
        return b'{"label":%d}' % data


if __name__ == "__main__":
    server = Server()
    server.append_worker(ClassifyWorker, num=1, max_batch_size=BATCH, max_wait_time=WAIT_MS)
    server.run()
