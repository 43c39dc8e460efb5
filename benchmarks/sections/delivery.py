"""Delivery: how fast the embedded broker takes messages and pushes them, beside Google's emulator, in turn.

Contenders: in memory, with its store, and the emulator, in each round one after the other. Batches are of 100 messages from
8 publishers, singles from 64; a subscription holds what comes, unread. Pushes go to one trivial endpoint.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import requests

from benchmarks.generators.publishers import MESSAGE_BYTES
from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.servers.authority import wait_for
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess, free_port
from benchmarks.servers.server_spec import PROTOCOL_NOOP
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDED: Final = "embedded broker, in memory"
DURABLE: Final = "embedded broker, with its store"
GOOGLE: Final = "Google's emulator"
STORED: Final = 1_000_000
"""Messages of the store that a broker is started over."""
_PROCESSES: Final = 4
_BATCH: Final = {"batch": 100, "publishers": 8}
_SINGLES: Final = {"batch": 1, "publishers": 64}
_WARM_S: Final = 3.0
_MESSAGES: Final = 6_000
_A_REQUEST: Final = 500
_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.05
_DATA: Final = "eyJiaWxsX2xlbmd0aF9tbSI6MzkuMX0="
_PROJECT: Final = "projects/bench"


def measure(run: BenchmarkRun) -> Section:
    """Measure each in turn in every round; at the end start a broker over a large store."""
    section = Section()
    contenders = ((EMBEDDED, _embedded), (DURABLE, _durable), (GOOGLE, _google))
    for nth in range(run.rounds):
        for who, start in contenders:
            if who in section.absent:
                continue
            try:
                section.add(nth, who, **_measured(run, partial(start, run)))
            except (EnvironmentMissingError, requests.RequestException) as why:
                section.leave_out(who, why)
        say(f"delivery: round {nth + 1} of {run.rounds}")
    section.add(0, DURABLE, **_started_over(run, STORED))
    section.notes[GOOGLE] = "by its jar, as it comes, with 1 GB of heap; two pushes at a time"
    section.notes[EMBEDDED] = (
        f"messages of {MESSAGE_BYTES} bytes, published over gRPC by {_PROCESSES} processes"
    )
    return section


def _measured(run: BenchmarkRun, start: Any) -> dict[str, float]:
    """Measure a broker that is started for each figure, so that no backlog of one weighs on the next."""
    figures: dict[str, float] = {}
    seconds = 1.0 if run.quick else run.seconds / 4
    for name, how in (("batched_per_second", _BATCH), ("singles_per_second", _SINGLES)):
        with start() as address:
            figures[name] = _published(run, address, seconds, **how)
    with start() as address, _endpoint(run) as port:
        figures |= _pushed(address, port, 2_000 if run.quick else _MESSAGES)
    return figures


def _published(run: BenchmarkRun, address: str, seconds: float, *, batch: int, publishers: int) -> float:
    """Messages a second that a broker took."""
    topic = _subscribed(address)
    words = [f"--seconds={seconds}", f"--batch={batch}"]
    return _publish(run, address, topic, publishers, *words) / seconds


def _publish(run: BenchmarkRun, address: str, topic: str, publishers: int, *words: str) -> int:
    """Publish from several processes, timed ones from a moment on when all are ready; gives how many messages were taken."""
    command = [sys.executable, "-m", "benchmarks.generators.publishers", address, topic, *words]
    command.append(f"--publishers={publishers // _PROCESSES}")
    running = [
        subprocess.Popen(  # noqa: S603  a program of ours
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(_PROCESSES)
    ]
    begin = ""
    if any(word.startswith("--seconds") for word in words):
        for each in running:
            _ = each.stdout and each.stdout.readline()
        begin = f"{time.monotonic() + _WARM_S}\n"
    # The moment goes to all of them before the first one is waited for.
    for each in running:
        _hand_over(each, begin)
    found = [each.communicate()[0] for each in running]
    if any(each.returncode for each in running):
        raise EnvironmentMissingError(f"its publishers failed; see {run.folder}")
    return sum(int(each) for each in found)


def _hand_over(program: subprocess.Popen[str], line: str) -> None:
    """Give a program its input, unless it has ended."""
    if program.stdin is not None:
        with suppress(BrokenPipeError):
            program.stdin.write(line)
            program.stdin.flush()


def _subscribed(address: str) -> str:
    """Make a topic and a subscription without a reader; gives the topic."""
    topic = f"{_PROJECT}/topics/taken"
    with requests.Session() as session:
        _call(session, "PUT", f"http://{address}/v1/{topic}", {})
        _call(session, "PUT", f"http://{address}/v1/{_PROJECT}/subscriptions/taken", {"topic": topic})
    return topic


def _started_over(run: BenchmarkRun, messages: int) -> dict[str, float]:
    """Fill a store, end the broker and time its next start to ready."""
    with TemporaryDirectory(dir=run.folder) as data:
        with _broker(run, "--data", data) as address:
            topic = _subscribed(address)
            stored = _publish(run, address, topic, 8, f"--count={messages // _PROCESSES}", "--batch=500")
        began = time.monotonic()
        with _broker(run, "--data", data):
            return {"start_seconds": time.monotonic() - began, "stored": stored}


def _embedded(run: BenchmarkRun) -> Any:
    return _broker(run, "--memory")


@contextmanager
def _durable(run: BenchmarkRun) -> Iterator[str]:
    with TemporaryDirectory(dir=run.folder) as data, _broker(run, "--data", data) as address:
        yield address


@contextmanager
def _broker(run: BenchmarkRun, *words: str) -> Iterator[str]:
    ready = run.folder / "delivery.ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "rookery.broker", *words, "--port", "0", "--ready-file", str(ready)]
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
        "-Xmx1g",
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
