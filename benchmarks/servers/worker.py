"""BenchmarkWorker: the real worker process with its real folder and verified tokens, checked by what it made durable."""

from __future__ import annotations

import sys
import time
import urllib.request
import uuid
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Self

from benchmarks.generators import wrk
from benchmarks.servers.authority import wait_for
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess
from benchmarks.servers.reference_answers import MARK, pushes
from benchmarks.servers.server import UNAUTHORIZED, ask, cost, file_name
from benchmarks.servers.server_spec import ServerSpec
from rookery.load.accounting.folder_results import predictions
from rookery.load.report.provenance import server_cpu

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.servers.authority import Authority
    from benchmarks.servers.reference_answers import ReferenceAnswers
    from benchmarks.servers.server import ServerCost

FAST: Final = ServerSpec(name="Rookery", words=("-m", "rookery.worker"), note="folder sink, tokens verified")
SLOW: Final = ServerSpec(
    name="Rookery, slow path",
    words=("-m", "rookery.worker"),
    environment={"ROOKERY_FAST_PATH": "false"},
    note="the same without its fast path",
)
_WITHIN_S: Final = 10.0
_READY_WITHIN_S: Final = 120.0
_FOREST_WITHIN_S: Final = 120.0
_ASK_EVERY_S: Final = 0.25
_FORESTS: Final = b"rookery_forest_compilations_total"
_TOLERANCE: Final = 2e-6
"""Predictions are rounded to six digits."""


class BenchmarkWorker:
    """A running worker, pinned like its peers; a context manager. `start_seconds` is from spawn to ready.

    Unless it is `hasty`, nothing is timed before its compiled forest answers, or was given up: seconds after a start.
    """

    def __init__(
        self,
        contender: ServerSpec,
        reference: ReferenceAnswers,
        folder: Path,
        *,
        authority: Authority | None,
        hasty: bool = False,
    ) -> None:
        self.contender = contender
        forest = find_spec("llvmlite") and contender.environment.get("ROOKERY_COMPILED_FOREST") != "off"
        self._hasty = hasty or not forest
        self._reference = reference
        self._authority = authority
        self._folder = folder / file_name(contender.name)
        self._results = self._folder / "predictions"
        self.start_seconds = 0.0

    def __enter__(self) -> Self:
        """Start it, check it; raises EnvironmentMissingError."""
        self._folder.mkdir(exist_ok=True)
        ready = self._folder / "ready"
        begin = time.monotonic()
        self.process = PinnedProcess(
            [sys.executable, *self.contender.words],
            log=self._folder / "worker.log",
            environment=self._settings(ready),
            cpu=server_cpu(),
        ).__enter__()
        try:
            self.address = wait_for(ready, self.process, within_s=_READY_WITHIN_S)
            self.start_seconds = time.monotonic() - begin
            self.rss_ready_mb = self.process.rss_mb()
            if not self._hasty:
                self._await_forest()
            self._check()
        except BaseException:
            self.process.stop()
            raise
        self._requests = self.requests("requests", pushes(self._reference.readings))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its pushes."""
        return {} if self._authority is None else {"Authorization": self._authority.token}

    def _await_forest(self) -> None:
        """Wait until the compiled forest answers, or its worker has given it up; raises EnvironmentMissingError."""
        until = time.monotonic() + _FOREST_WITHIN_S
        while not self._forest_is_decided():
            self.process.check()
            if time.monotonic() > until:
                raise EnvironmentMissingError(f"its forest was not compiled within {_FOREST_WITHIN_S:g} s")
            # Each question takes a hundred times as long as a reading, and has a thread's work wait.
            time.sleep(_ASK_EVERY_S)

    def _forest_is_decided(self) -> bool:
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=_WITHIN_S) as metrics:  # noqa: S310  the worker's own
            return any(line.startswith(_FORESTS) and not line.endswith(b" 0.0\n") for line in metrics)

    def requests(self, name: str, bodies: list[bytes]) -> Path:
        """Write requests for it under a name."""
        return wrk.write_requests(self._folder / name, bodies, path="/", headers=self.headers)

    def load(self, *, connections: int, seconds: int, requests: Path | None = None) -> ServerCost:
        """Load it, with single readings where nothing else is given; what it wrote is deleted after."""
        found = cost(
            self.process,
            lambda: wrk.run(
                self.address, requests or self._requests, connections=connections, seconds=seconds
            ),
        )
        self.tidy()
        return found

    def deliver_table(self, body: bytes, rows: int) -> None:
        """Push one table and count what became durable of it; raises EnvironmentMissingError."""
        message_id = f"table-{uuid.uuid4().hex[:10]}"
        port = int(self.address.rpartition(":")[2])
        status, said = ask(port, "/", body.replace(MARK.encode(), message_id.encode()), self.headers)
        found = sum(each.message_id == message_id for each in predictions(self._results))
        if status != 204 or found != rows:  # noqa: PLR2004  HTTP's No Content
            text = said.decode(errors="replace")[:200]
            raise EnvironmentMissingError(
                f"a table was answered {status}, {found} of {rows} rows became predictions {text}"
            )
        self.tidy()

    def tidy(self) -> None:
        """Delete finished segments: a run writes gigabytes."""
        for segment in self._results.rglob("[!.]*.ndjson"):
            segment.unlink(missing_ok=True)

    def _settings(self, ready: Path) -> Mapping[str, str]:
        return {
            **self.contender.environment,
            **(self._authority.settings() if self._authority else {}),
            "ROOKERY_PORT": "0",
            "ROOKERY_MODEL": str(self._reference.artifact),
            "ROOKERY_RESULTS": self._results.as_uri(),
            "ROOKERY_REJECTS": (self._folder / "rejections").as_uri(),
            "ROOKERY_READY_FILE": str(ready),
            "ROOKERY_LOG_LEVEL": "WARNING",
        }

    def _check(self) -> None:
        """Hold what became durable of every checked reading against the booster; raises EnvironmentMissingError."""
        message_ids = self._deliver_each()
        wrong = sum(not right for right in self._right_ones(message_ids))
        if wrong:
            raise EnvironmentMissingError(
                f"{wrong} of {len(message_ids)} durable predictions differ from the booster's"
            )

    def _deliver_each(self) -> list[str]:
        """Push every checked reading and give the messages' ids; raises EnvironmentMissingError."""
        port = int(self.address.rpartition(":")[2])
        message_ids = [f"check-{nth:010d}" for nth in range(len(self._reference.readings))]
        bodies = [
            body.replace(MARK.encode(), message_id.encode())
            for body, message_id in zip(pushes(self._reference.readings), message_ids, strict=True)
        ]
        if self._authority and ask(port, "/", bodies[0])[0] != UNAUTHORIZED:
            raise EnvironmentMissingError("a push without a token was not refused with 401")
        for body in bodies:
            status, said = ask(port, "/", body, self.headers)
            if status != 204:  # noqa: PLR2004  HTTP's No Content
                raise EnvironmentMissingError(
                    f"a push was answered {status}: {said.decode(errors='replace')[:200]}"
                )
        return message_ids

    def _right_ones(self, message_ids: Sequence[str]) -> Iterator[bool]:
        found = {each.message_id: each for each in predictions(self._results)}
        for nth, message_id in enumerate(message_ids):
            one = found.get(message_id)
            asked = self._reference.probabilities[nth].tolist()
            yield (
                one is not None
                and [*one.shares].index(one.label) == self._reference.winners[nth]
                and all(
                    abs(mine - own) < _TOLERANCE for mine, own in zip(one.shares.values(), asked, strict=True)
                )
            )
