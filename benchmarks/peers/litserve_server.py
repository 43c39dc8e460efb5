"""LitServe with batching; it reads annotations itself, so that here they are no strings."""

from typing import Any

import litserve  # type: ignore[import-not-found,unused-ignore]  # in its own environment only
from fastapi import HTTPException, Request  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.equal_work.token_check import TokenCheck, token_check
from benchmarks.peers.model import BATCH, PORT, WAIT_MS, PeerModel
from benchmarks.peers.push_body import Pushed, pushed_of


class ClassifyApi(litserve.LitAPI):  # type: ignore[misc,unused-ignore]
    """Reads each push, predicts them together."""

    check: TokenCheck | None = None

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe's signature
        """Load the booster in the worker process."""
        self._model = PeerModel()

    def authorize(self, request: Request) -> None:
        """Verify the token of a request, where tokens are asked for; the start's own question has none."""
        if self.check is None or request.method == "GET":
            return
        if not self.check.admits(request.headers.get("authorization")):
            raise HTTPException(401)

    def decode_request(self, request: dict[str, Any]) -> Pushed:
        """Read one push."""
        return pushed_of(request)

    def batch(self, inputs: list[Pushed]) -> list[Pushed]:
        """Leave the rows as they are."""
        return inputs

    def predict(self, pushed: list[Pushed]) -> list[int]:
        """Predict one batch."""
        return self._model.answer(pushed)

    def unbatch(self, output: list[int]) -> list[int]:
        """Give each its own."""
        return output

    def encode_response(self, output: int) -> dict[str, int]:
        """Write one answer."""
        return {"label": output}


if __name__ == "__main__":
    api = ClassifyApi(max_batch_size=BATCH, batch_timeout=WAIT_MS / 1000)
    api.check = token_check()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning", access_log=False)
