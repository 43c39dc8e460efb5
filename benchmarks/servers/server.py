"""BenchmarkServer: a contender that runs, checked against the booster, and what each stretch of load costs it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final, Self

from benchmarks.generators import wrk
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess, free_port
from benchmarks.servers.server_spec import request_bodies
from rookery.load.report.provenance import server_cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchmarks.generators.wrk import WrkResult
    from benchmarks.servers.authority import Authority
    from benchmarks.servers.reference_answers import ReferenceAnswers
    from benchmarks.servers.server_spec import ServerSpec

UNAUTHORIZED: Final = 401
_ANSWERS_WITHIN_S: Final = 90.0
_ASK_TIMEOUT_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.005


class NoResponseError(EnvironmentMissingError):
    """The server did not answer, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class ServerCost:
    """A stretch of load and the CPU microseconds that the server used for each request of it."""

    stretch: WrkResult
    cpu_us: float
    server_busy: float


class BenchmarkServer:
    """A running contender, pinned to the servers' CPU, frozen whenever it is not asked."""

    def __init__(
        self,
        contender: ServerSpec,
        reference: ReferenceAnswers,
        folder: Path,
        *,
        authority: Authority | None = None,
    ) -> None:
        self.contender = contender
        self._reference = reference
        self._folder = folder / file_name(contender.name)
        self._results = self._folder / "results"
        self._authority = authority if contender.guarded else None
        self.start_seconds = 0.0

    def __enter__(self) -> Self:
        """Start it, wait for its first right answer, check all of them; raises EnvironmentMissingError."""
        self._folder.mkdir()
        self.contender.prepares(self._folder, self._reference.model)
        ports = free_port(), free_port(), free_port()
        self.port = ports[0]
        self._bodies = request_bodies(self.contender, self._reference.readings)
        self._requests = wrk.write_requests(
            self._folder / "requests", self._bodies, path=self.contender.path, headers=self.headers
        )
        self.process = PinnedProcess(
            self.contender.command(self.port),
            log=self._folder / "server.log",
            environment=self._variables(*ports),
            cpu=server_cpu(),
        ).__enter__()
        try:
            self.start_seconds = self._until_it_answers()
            self._check()
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its requests."""
        return {} if self._authority is None else {"Authorization": self._authority.token}

    def load(self, *, connections: int, seconds: int) -> ServerCost:
        """Load it with single readings; what it wrote is deleted after."""
        found = cost(
            self.process,
            lambda: wrk.run(self.address, self._requests, connections=connections, seconds=seconds),
        )
        if self.contender.durable:
            os.truncate(self._results, 0)
        return found

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    def _variables(self, *ports: int) -> dict[str, str]:
        return {
            "BENCH_PORT": str(self.port),
            "BENCH_MODEL": str(self._reference.model),
            "BENCH_FEATURES": str(self._reference.generated_features),
            "BENCH_RESULTS": str(self._results) if self.contender.durable else "",
            **({} if self._authority is None else self._authority.peer_variables()),
            # One CPU has no use for more threads; Rookery sees to that itself.
            "OMP_NUM_THREADS": "1",
            **self.contender.variables(*ports),
        }

    def _until_it_answers(self) -> float:
        begin = time.monotonic()
        while time.monotonic() - begin < _ANSWERS_WITHIN_S:
            self.process.check()
            try:
                status, _ = self._ask(self._bodies[0])
            except NoResponseError:
                time.sleep(_LOOK_EVERY_S)
                continue
            if status < 300:  # noqa: PLR2004  HTTP's own border
                return time.monotonic() - begin
            time.sleep(_LOOK_EVERY_S)
        raise EnvironmentMissingError(f"it did not answer correctly within {_ANSWERS_WITHIN_S:g} s")

    def _check(self) -> None:
        """Hold every answer against the booster's; raises EnvironmentMissingError, for a wrong server's speed is worth nothing."""
        answer = self.contender.answer
        if answer is None:
            return
        if self._authority and ask(self.port, self.contender.path, self._bodies[0])[0] != UNAUTHORIZED:
            raise EnvironmentMissingError("a push without a token was not refused with 401")
        if self.contender.durable:
            os.truncate(self._results, 0)
        responses = [self._ask(body)[1] for body in self._bodies]
        try:
            found = [answer(response) for response in responses]
        except (LookupError, TypeError, ValueError) as error:
            raise EnvironmentMissingError(f"its answers cannot be read: {error!r}") from None
        wrong = sum(one != other for one, other in zip(found, self._reference.winners, strict=True))
        if wrong:
            raise EnvironmentMissingError(f"{wrong} of {len(found)} answers differ from the booster's")
        if self.contender.durable and self._durable() != found:
            raise EnvironmentMissingError("what it made durable differs from its answers")

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        return ask(self.port, self.contender.path, body, self.headers)

    def _durable(self) -> list[int]:
        """The labels that are in its file, in their order."""
        return [int(json.loads(line)[1]) for line in self._results.read_bytes().splitlines()]


def cost(process: PinnedProcess, load: Callable[[], WrkResult]) -> ServerCost:
    """Run a load and say what it cost a process; raises EnvironmentMissingError where requests were refused."""
    before = process.cpu_seconds()
    stretch = load()
    used = process.cpu_seconds() - before
    process.settle()
    if not stretch.requests:
        raise EnvironmentMissingError(f"it answered nothing within {stretch.seconds:.1f} s")
    if stretch.refused:
        raise EnvironmentMissingError(f"{stretch.refused} of {stretch.requests} requests were refused")
    return ServerCost(stretch, used / stretch.requests * 1e6, used / stretch.seconds)


def ask(port: int, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Post one body; gives status and answer; raises NoResponseError."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_ASK_TIMEOUT_S)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException) as error:
        raise NoResponseError(f"it did not answer: {error!r}") from None
    finally:
        connection.close()


def file_name(name: str) -> str:
    """Make a folder's name of a contender's."""
    return "".join(each if each.isalnum() else "-" for each in name)
