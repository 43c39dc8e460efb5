"""LitServe with batching; it reads annotations itself, so that here they are no strings."""

from typing import Any

import litserve  # type: ignore[import-not-found,unused-ignore]  # in its own environment only

from benchmarks.peers.model import BATCH, PORT, WAIT_MS, load, winners
from benchmarks.peers.push_body import row_of


class ClassifyApi(litserve.LitAPI):  # type: ignore[misc,unused-ignore]
    """Reads each push, predicts them together."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe's signature
        """Load the booster in the worker process."""
        self._booster = load()

    def decode_request(self, request: dict[str, Any]) -> tuple[float, ...]:
        """Read one push."""
        return row_of(request)

    def batch(self, inputs: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        """Leave the rows as they are."""
        return inputs

    def predict(self, rows: list[tuple[float, ...]]) -> list[int]:
        """Predict one batch."""
        return winners(self._booster, rows)

    def unbatch(self, output: list[int]) -> list[int]:
        """Give each its own."""
        return output

    def encode_response(self, output: int) -> dict[str, int]:
        """Write one answer."""
        return {"label": output}


if __name__ == "__main__":
    api = ClassifyApi(max_batch_size=BATCH, batch_timeout=WAIT_MS / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning", access_log=False)
