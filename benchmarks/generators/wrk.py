"""wrk: as much load as some connections carry, each request with a number of its own, from one pinned CPU."""

from __future__ import annotations

import itertools
import json
import resource
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.generators.brought_wrk import brought_wrk
from benchmarks.servers.environment import EnvironmentMissingError
from rookery.load.report.provenance import ROOT, generator_cpu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SCRIPT: Final = Path(__file__).with_name("push.lua")
_TIMEOUT_S: Final = 20
_APART: Final = 10**8
"""Numbers that one run may use; the next begins behind them, so that every message id is unique."""

_firsts = itertools.count(_APART, _APART)


@dataclass(frozen=True, slots=True)
class WrkResult:
    """The result of one stretch of load; `busy` is the share of its CPU that the generator used."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int
    busy: float

    @property
    def per_second(self) -> float:
        """Requests that were answered each second."""
        return self.requests / self.seconds


def next_first() -> int:
    """Give the number before the first one of a stretch."""
    return next(_firsts)


@cache
def find_wrk() -> tuple[str, ...]:
    """Give the words that run wrk, from the PATH or brought into the build folder; raises NoGeneratorError."""
    path = shutil.which("wrk")
    return (path,) if path else brought_wrk()


def write_requests(file: Path, bodies: Sequence[bytes], *, path: str, headers: Mapping[str, str]) -> Path:
    """Write whole HTTP requests for the script and give their file."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    file.write_bytes(
        b"\0".join(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"{fields}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
            for body in bodies
        )
    )
    return file


def command(address: str, requests: Path, *, connections: int, seconds: int) -> list[str]:
    """Give wrk's command for one stretch, pinned."""
    return [
        *("taskset", "-c", str(generator_cpu()), *find_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s"),
        *(
            "--timeout",
            f"{_TIMEOUT_S}s",
            "-s",
            str(_SCRIPT),
            address,
            "--",
            str(requests),
            str(next(_firsts)),
        ),
    ]


def run(address: str, requests: Path, *, connections: int, seconds: int) -> WrkResult:
    """Load an address with the requests of a file for some seconds, each connection at its next as soon as it is answered.

    Raises EnvironmentMissingError where the load failed.
    """
    before = _children_seconds()
    said = generated(
        command(address, requests, connections=connections, seconds=seconds),
        within_s=seconds + 3 * _TIMEOUT_S,
    )
    return WrkResult(**said, busy=(_children_seconds() - before) / said["seconds"])


def generated(words: list[str], *, within_s: float) -> dict[str, Any]:
    """Run a generator and give the JSON of its last line; raises EnvironmentMissingError where it fails."""
    try:
        done = subprocess.run(  # noqa: S603  wrk, or this project's own
            words, capture_output=True, text=True, check=True, timeout=within_s, cwd=ROOT
        )
        said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise EnvironmentMissingError(f"its load did not end within {within_s:g} s") from None
    except (subprocess.CalledProcessError, IndexError, ValueError) as error:
        raise EnvironmentMissingError(f"its load failed: {error!r}") from None
    return said


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
