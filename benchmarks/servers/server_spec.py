"""ServerSpec: one server of the comparison, how it is started, asked and understood."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from benchmarks.servers.environment import python_of
from benchmarks.servers.reference_answers import push
from rookery.schemas.codec import encode
from rookery.schemas.contract.default import default_compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rookery.schemas.contract.reading_classes import AnyReading

PEERS: Final = "benchmarks.peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """A server by name; `lock` names its environment (None: the project's own), `family` those that count as one.

    `words` follow its Python; `{port}` in them is replaced, and `{port}`, `{another}`, `{third}` in `environment`. `asks` turns a push body into its request body, and
    `answer` reads the label's position from its response (None: it answers nothing).
    """

    name: str
    words: tuple[str, ...]
    family: str = ""
    lock: str | None = None
    path: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    asks: Callable[[bytes, AnyReading], bytes] = lambda body, _: body
    answer: Callable[[bytes], int] | None = None
    prepares: Callable[[Path, Path], None] = lambda _folder, _model: None
    note: str = ""
    durable: bool = False
    """Whether it appends its results to a file, and syncs that, before it answers."""

    guarded: bool = False
    """Whether it verifies a token."""

    def variables(self, *ports: int) -> dict[str, str]:
        """Give its environment for three free ports."""
        named = dict(zip(("{port}", "{another}", "{third}"), map(str, ports), strict=True))
        return {name: named.get(value, value) for name, value in self.environment.items()}

    def command(self, port: int) -> list[str]:
        """Give the command that starts it; raises Absent."""
        python = sys.executable if self.lock is None else str(python_of(self.lock))
        return [python, *(word.replace("{port}", str(port)) for word in self.words)]


def _only(response: bytes) -> int:
    """The one value of an object or an array."""
    said = json.loads(response)
    (position,) = said.values() if isinstance(said, dict) else said
    return int(position)


def _bento_body(body: bytes, _: AnyReading) -> bytes:
    return b'{"pushes":[' + body + b"]}"


def _inference_body(_: bytes, reading: AnyReading) -> bytes:
    """Ask as MLServer's own protocol does: the encoded row as a tensor."""
    row = default_compiled().fields_matrix([reading.fields])[0].tolist()
    tensor = {"name": "rows", "shape": [1, len(row)], "datatype": "FP32", "data": row}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


def _inferred(response: bytes) -> int:
    data: list[float] = json.loads(response)["outputs"][0]["data"]
    return int(data[0]) if len(data) == 1 else data.index(max(data))


def _mlserver_folder(folder: Path, model: Path) -> None:
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "parallel_workers": 0,
        "debug": False,
        "access_logging": False,
        "metrics_endpoint": None,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    described = {
        "name": "readings",
        "implementation": "mlserver_xgboost.XGBoostModel",
        "max_batch_size": 64,
        "max_batch_time": 0.001,
        "parameters": {"uri": str(model)},
    }
    (folder / "model-settings.json").write_text(json.dumps(described))


def _mosec(batch: int, *, durable: bool = False) -> ServerSpec:
    family = "durable mosec" if durable else "mosec"
    return ServerSpec(
        name=f"{family}, batch {batch}",
        family=family,
        lock="mosec",
        durable=durable,
        words=("-m", f"{PEERS}.mosec_server", "--address", "127.0.0.1", "--port", "{port}"),
        path="/inference",
        environment={"BENCH_BATCH": str(batch)},
        answer=_only,
        note="a window of 1 ms" + ("; one sync for each batch; it cannot see a token" if durable else ""),
    )


PROTOCOL_NOOP: Final = ServerSpec(
    name="asyncio protocol, no-op",
    words=("-m", f"{PEERS}.noop_protocol"),
    note="httptools and uvloop; answers 204 to anything: what the generator and Python allow",
)
AIOHTTP_NOOP: Final = ServerSpec(
    name="aiohttp, no-op", words=("-m", f"{PEERS}.noop_aiohttp"), note="reads the body, answers 204"
)
_BATCHES: Final = (64, 8, 256)
_FASTAPI: Final = ServerSpec(
    name="FastAPI + inplace_predict",
    lock="fastapi",
    words=("-m", f"{PEERS}.fastapi_inplace"),
    answer=_only,
)
_LITSERVE: Final = ServerSpec(
    name="LitServe",
    lock="litserve",
    words=("-m", f"{PEERS}.litserve_server"),
    path="/predict",
    answer=_only,
    note="batches of 64, 1 ms",
)
MOSEC: Final[tuple[ServerSpec, ...]] = tuple(_mosec(batch) for batch in _BATCHES)
DURABLE_MOSEC: Final[tuple[ServerSpec, ...]] = tuple(_mosec(batch, durable=True) for batch in _BATCHES)
EQUAL_SERVERS: Final[tuple[ServerSpec, ...]] = (
    *DURABLE_MOSEC,
    replace(
        _FASTAPI,
        name="durable FastAPI",
        durable=True,
        guarded=True,
        note="token verified; a sync for each request",
    ),
    replace(
        _LITSERVE,
        name="durable LitServe",
        durable=True,
        guarded=True,
        note="batches of 64, 1 ms; token verified; one sync for each batch",
    ),
)
"""Peers that do the same work as Rookery: results on the disk before they are answered, and a token where they can."""

PEER_SERVERS: Final[tuple[ServerSpec, ...]] = (
    *MOSEC,
    _FASTAPI,
    ServerSpec(
        name="MLServer",
        lock="mlserver",
        words=("-c", "from mlserver.cli import main; main()", "start", "."),
        path="/v2/models/readings/infer",
        environment={
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{another}",
            "MLSERVER_METRICS_PORT": "{third}",
        },
        asks=_inference_body,
        answer=_inferred,
        prepares=_mlserver_folder,
        note="adaptive batching, 64 and 1 ms; asked in its own protocol, so without envelope and base64",
    ),
    _LITSERVE,
    ServerSpec(
        name="the original design",
        lock="fastapi",
        words=("-m", f"{PEERS}.original_design"),
        answer=_only,
        note="FastAPI, pydantic, XGBClassifier on a one-row DataFrame",
    ),
    ServerSpec(
        name="BentoML",
        lock="bentoml",
        words=("-m", "bentoml", "serve", f"{PEERS}.bentoml_service:PushClassifier", "--port", "{port}"),
        path="/classify",
        asks=_bento_body,
        answer=_only,
        note="adaptive batching",
    ),
)


def request_bodies(contender: ServerSpec, readings: list[AnyReading]) -> list[bytes]:
    """Write each reading as this contender wants to be asked."""
    return [contender.asks(push(encode(each)), each) for each in readings]
