"""Delivery: how fast the embedded broker pushes, beside Google's emulator, to one trivial endpoint, in turn."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests

from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.servers.authority import wait_for
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess, free_port
from benchmarks.servers.server_spec import PROTOCOL_NOOP

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDED: Final = "embedded broker"
GOOGLE: Final = "Google's emulator"
_MESSAGES: Final = 6_000
_A_REQUEST: Final = 500
_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.05
_DATA: Final = "eyJiaWxsX2xlbmd0aF9tbSI6MzkuMX0="


def measure(run: BenchmarkRun) -> Section:
    """Publish to each in turn and read from the endpoint when the first and the last push came."""
    section = Section()
    for nth in range(run.rounds):
        for who, start in ((EMBEDDED, _embedded), (GOOGLE, _google)):
            if who in section.absent:
                continue
            try:
                with start(run) as address, _endpoint(run) as port:
                    section.add(nth, who, **_pushed(address, port, 2_000 if run.quick else _MESSAGES))
            except (EnvironmentMissingError, requests.RequestException) as why:
                section.leave_out(who, why)
        say(f"delivery: round {nth + 1} of {run.rounds}")
    section.notes[GOOGLE] = "by its jar, as it comes; two pushes at a time"
    return section


@contextmanager
def _embedded(run: BenchmarkRun) -> Iterator[str]:
    ready = run.folder / "delivery.ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "rookery.broker", "--memory", "--port", "0", "--ready-file", str(ready)]
    with PinnedProcess(command, log=run.folder / "delivery.log") as process:
        yield wait_for(ready, process)


@contextmanager
def _google(run: BenchmarkRun) -> Iterator[str]:
    """Run the emulator by its jar: its wrapper's end would leave it behind."""
    if not shutil.which("java") or not shutil.which("gcloud"):
        raise EnvironmentMissingError("java and gcloud are needed")
    asked = ["gcloud", "info", "--format=value(installation.sdk_root)"]
    root = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout.strip()  # noqa: S603  gcloud
    jars = sorted(Path(root, "platform/pubsub-emulator/lib").glob("cloud-pubsub-emulator-*-all.jar"))
    if not jars:
        raise EnvironmentMissingError(f"no pubsub-emulator component below {root}")
    port = free_port()
    words = [
        "java",
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-jar",
        str(jars[-1]),
        "--host=127.0.0.1",
        f"--port={port}",
    ]
    with PinnedProcess(words, log=run.folder / "emulator.log") as process:
        _until_ok(f"http://127.0.0.1:{port}/", process)
        yield f"127.0.0.1:{port}"


def _until_ok(url: str, process: PinnedProcess) -> None:
    def answers() -> bool:
        try:
            return requests.get(url, timeout=1).ok
        except requests.ConnectionError:
            return False

    process.wait_until(answers, within_s=_WITHIN_S)


@contextmanager
def _endpoint(run: BenchmarkRun) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, *PROTOCOL_NOOP.words]
    with PinnedProcess(
        command, log=run.folder / "endpoint.log", environment={"BENCH_PORT": str(port)}
    ) as process:
        _until_ok(f"http://127.0.0.1:{port}/", process)
        yield port


def _pushed(address: str, port: int, messages: int) -> dict[str, float]:
    """Publish, wait until the endpoint has seen all, and give the rate between its first and last push."""
    project = f"http://{address}/v1/projects/bench"
    with requests.Session() as session:
        _call(session, "PUT", f"{project}/topics/rate", {})
        push = {
            "topic": "projects/bench/topics/rate",
            "pushConfig": {"pushEndpoint": f"http://127.0.0.1:{port}/"},
        }
        _call(session, "PUT", f"{project}/subscriptions/rate", push)
        begin = time.monotonic()
        for _ in range(messages // _A_REQUEST):
            _call(
                session,
                "POST",
                f"{project}/topics/rate:publish",
                {"messages": [{"data": _DATA}] * _A_REQUEST},
            )
        published = time.monotonic() - begin
        seen: dict[str, float] = {"posts": 0}
        while seen["posts"] < messages:
            if time.monotonic() - begin > _WITHIN_S:
                raise EnvironmentMissingError(
                    f"it pushed {seen['posts']} of {messages} messages within {_WITHIN_S:g} s"
                )
            time.sleep(_LOOK_EVERY_S)
            seen = session.get(f"http://127.0.0.1:{port}/", timeout=5).json()
    return {
        "per_second": (seen["posts"] - 1) / (seen["last"] - seen["first"]),
        "publish_seconds": published,
        "messages": messages,
    }


def _call(session: requests.Session, method: str, url: str, body: dict[str, Any]) -> None:
    session.request(method, url, json=body, timeout=_WITHIN_S).raise_for_status()
