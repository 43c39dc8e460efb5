"""The release, run as it is, against a `gcloud` that records calls, a Monitoring that is scripted, and real workers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rookery.schemas.codec import decode
from rookery.training.testing import variant
from rookery.worker.settings import SHIPPED_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RELEASE = Path(__file__).parents[2] / "deploy" / "release"
OLD, NEW = "worker-00001-old", "worker-00002-new"
SHARES = "--to-revisions="


@dataclass
class Standin:
    """An HTTP server that tells what it was asked, and answers as it is told: `answers(method, path, request)`."""

    answers: Callable[[str, str, Any], tuple[int, bytes]]
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(standin: Standin) -> Iterator[Standin]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            standin.asked.append((self.command, self.path))
            status, answer = standin.answers(self.command, self.path, (self.headers, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer  # noqa: N815  http.server's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    standin.url = f"http://127.0.0.1:{server.server_port}"
    yield standin
    server.shutdown()
    server.server_close()
    thread.join()


def monitoring(good: int = 1000, bad: int = 0, p99_ms: float = 80.0) -> Standin:
    """A Monitoring that saw so much."""

    def answers(_: str, path: str, __: Any) -> tuple[int, bytes]:
        query = parse_qs(urlsplit(path).query)
        if "request_latencies" in query["filter"][0]:
            series: list[Any] = [{"points": [{"value": {"doubleValue": p99_ms}}]}]
        else:
            series = [
                {
                    "metric": {"labels": {"response_code_class": code}},
                    "points": [{"value": {"int64Value": str(count)}}],
                }
                for code, count in (("2xx", good), ("5xx", bad))
                if count
            ]
        return 200, json.dumps({"timeSeries": series}).encode()

    return Standin(answers)


@dataclass
class House:
    """A folder with a recording `gcloud` on its PATH, and the service that it keeps."""

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        program = self.folder / "gcloud"
        real = Path(__file__).with_name("gcloud_on_the_path.py")
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{real}" "$@"\n')
        program.chmod(0o755)

    def stand(self, green_url: str) -> None:
        """One revision serves; the next one to be deployed will be found at this address."""
        service = {"shares": {OLD: 100}, "tags": {}, "next": NEW, "urls": {NEW: green_url, OLD: "http://old"}}
        (self.folder / "service.json").write_text(json.dumps(service))

    @property
    def service(self) -> Any:
        return json.loads((self.folder / "service.json").read_text())

    @property
    def calls(self) -> list[list[str]]:
        file = self.folder / "calls.ndjson"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def shares(self) -> list[str]:
        """Every distribution of traffic that was ordered, in order."""
        return [word.removeprefix(SHARES) for call in self.calls for word in call if word.startswith(SHARES)]

    def start(self, *words: str, monitor: str = "") -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "GCLOUD_HOUSE": str(self.folder),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING": f"{monitor}/",
        }
        command = [str(RELEASE), *words, "--project=birds"]
        self.started.append(
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return self.started[-1]

    def deploy(self, *words: str, monitor: str = "") -> tuple[int, str]:
        """Deploy without waiting long; gives the exit code and what was said."""
        quick = ("--watch-seconds=0.01", "--settle-seconds=0", *words)
        return ended(self.start("deploy", *quick, monitor=monitor))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=50)
    assert "Traceback" not in err
    return process.returncode, out + err


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    for process in house.started:
        with process:
            process.kill()


@contextmanager
def worker(folder: Path, model: Path) -> Iterator[str]:
    """A real worker with a model, as the green revision would run it."""
    told = folder / "address"
    environment = {
        **os.environ,
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": f"file://{folder}/results",
        "ROOKERY_REJECTS": f"file://{folder}/rejects",
        "ROOKERY_MODEL": str(model),
        "ROOKERY_READY_FILE": str(told),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "rookery.worker"], env=environment, stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        # Its log says `ready` after the file is written.
        assert any(b'"ready"' in line for line in process.stderr)
        yield told.read_text()
    finally:
        process.terminate()
        process.communicate(timeout=12)


def acknowledging(species: str | None = None, *, model: str = "any") -> Standin:
    """A revision that answers as a right one would, behind a door for token holders; or calls every bird the same."""
    birds = json.loads((RELEASE.parent / "bluegreen" / "birds.json").read_text())

    def answers(method: str, path: str, request: Any) -> tuple[int, bytes]:
        headers, body = request
        if headers.get("Authorization") != "Bearer token-of-print-identity-token":
            return 403, b""
        if path == "/predict":
            (bird,) = (each for each in birds if each["reading"] == json.loads(body))
            prediction = {"species": species or bird["species"], "model": model}
            return 200, json.dumps({"predictions": [prediction]}).encode()
        return (204 if method == "POST" and b"messageId" in body else 400), b""

    return Standin(answers)


PUSHER = "--push-service-account=push@birds.iam.gserviceaccount.com"


def test_a_good_revision_gets_all_traffic_step_by_step(house: House) -> None:
    """With a real worker behind the green tag: build, deploy without traffic, smoke, 5, 50, 100 %, then the tags."""
    with worker(house.folder, SHIPPED_MODEL) as address, serving(monitoring()) as monitor:
        house.stand(address)
        code, said = house.deploy(monitor=monitor.url)
    assert code == 0, said
    assert house.shares == [f"{NEW}=5,{OLD}=95", f"{NEW}=50,{OLD}=50", f"{NEW}=100", f"{NEW}=100"]
    assert house.service["tags"] == {"green": NEW, "blue": OLD}
    verbs = [" ".join(call[:2]) for call in house.calls]
    assert verbs[:4] == ["run services", "builds submit", "artifacts docker", "run deploy"]
    deploy = next(call for call in house.calls if call[:2] == ["run", "deploy"])
    assert "--no-traffic" in deploy
    assert any(word.endswith("/birds/rookery/worker@sha256:5afe") for word in deploy)


def test_every_smoke_push_is_accounted_for(house: House) -> None:
    """What the smoke test pushes are real readings: each ends as one prediction or one rejection, by its own name."""
    with worker(house.folder, SHIPPED_MODEL) as address, serving(monitoring()) as monitor:
        house.stand(address)
        assert house.deploy("--steps=100", monitor=monitor.url)[0] == 0
    lines = {
        kind: [
            json.loads(line)
            for file in (house.folder / kind).rglob("*.ndjson")
            for line in file.read_text().splitlines()
        ]
        for kind in ("results", "rejects")
    }
    first = [line["reading_id"] for line in lines["results"] if "-first-" in line["reading_id"]]
    assert len(first) == len(set(first)) == 3 + 3
    assert {line["device_id"] for line in lines["results"]} == {"release-smoke"}
    assert len([line for line in lines["rejects"] if "-first-" in line["message_id"]]) == 1


def test_a_wrong_model_is_rolled_back_before_it_gets_traffic(house: House) -> None:
    """A real worker that runs another model than the one released: smoke fails, nobody was ever sent there."""
    other = house.folder / "other.ubj"
    other.write_bytes(variant(SHIPPED_MODEL.read_bytes(), rounds=5))
    with worker(house.folder, other) as address:
        house.stand(address)
        code, said = house.deploy()
    assert code == 1
    assert "is right" in said
    assert house.shares == [f"{OLD}=100"]
    assert "--remove-tags=green" in house.calls[-1]
    assert house.service["shares"] == {OLD: 100}
    assert house.service["tags"] == {}


def test_a_model_that_names_birds_wrongly_is_rolled_back(house: House, tmp_path: Path) -> None:
    """A revision that calls every bird an Adelie gets no traffic, whatever its model is called."""
    model = tmp_path / "model"
    model.write_bytes(b"any")
    name = hashlib.sha256(b"any").hexdigest()[:12]
    with serving(acknowledging("Adelie", model=name)) as green:
        house.stand(green.url)
        code, said = house.deploy(PUSHER, f"--model={model}")
    assert (code, house.shares) == (1, [f"{OLD}=100"])
    assert "species Adelie where Gentoo is right" in said


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (monitoring(good=980, bad=20), "2.0%"),
        (monitoring(p99_ms=1500), "1.50 s"),
        (monitoring(good=0), "saw no request"),
        (Standin(lambda *_: (500, b"out of order")), "HTTP 500"),
    ],
    ids=["refused", "slow", "unseen", "blind"],
)
def test_a_step_that_goes_badly_is_rolled_back(house: House, seen: Standin, why: str) -> None:
    """Too many refusals, too slow, or no numbers at all: the old revision gets everything back after 5 %."""
    with serving(released()) as green, serving(seen) as monitor:
        house.stand(green.url)
        code, said = house.deploy(PUSHER, monitor=monitor.url)
    assert code == 1
    assert why in said
    assert house.shares == [f"{NEW}=5,{OLD}=95", f"{OLD}=100"]
    assert house.service["tags"] == {}


def released() -> Standin:
    """A right revision with the model that is shipped."""
    name = hashlib.sha256(SHIPPED_MODEL.read_bytes()).hexdigest()[:12]
    return acknowledging(model=name)


def test_an_open_door_is_rolled_back(house: House) -> None:
    """A revision that takes pushes from anybody gets no traffic where pushes should carry tokens."""
    guarded = released()
    closed = guarded.answers

    def open_door(method: str, path: str, request: Any) -> tuple[int, bytes]:
        headers, body = request
        return closed(
            method, path, ({**headers, "Authorization": "Bearer token-of-print-identity-token"}, body)
        )

    guarded.answers = open_door
    with serving(guarded) as green:
        house.stand(green.url)
        code, said = house.deploy(PUSHER)
    assert code == 1
    assert "without a token: HTTP 204" in said
    assert house.service["shares"] == {OLD: 100}


@pytest.mark.parametrize("command", ["run deploy", "auth print-access-token"])
def test_a_command_that_fails_is_rolled_back(house: House, command: str) -> None:
    """Whatever gcloud refuses after the build, traffic ends where it was."""
    (house.folder / "fail").write_text(command)
    with serving(released()) as green, serving(monitoring()) as monitor:
        house.stand(green.url)
        code, _ = house.deploy(PUSHER, monitor=monitor.url)
    assert code == 1
    assert house.shares[-1] == f"{OLD}=100"
    assert house.service["shares"] == {OLD: 100}


def test_a_build_that_fails_touches_nothing(house: House) -> None:
    """Nothing was deployed, so nothing has to be taken back."""
    (house.folder / "fail").write_text("builds submit")
    house.stand("http://nobody")
    code, said = house.deploy()
    assert (code, house.shares) == (1, [])
    assert "exit code 1" in said


def test_a_rollback_that_fails_says_so(house: House) -> None:
    """The worst case is told with both reasons, so that somebody looks."""
    (house.folder / "fail").write_text("update-traffic")
    house.stand("http://127.0.0.1:1")
    code, said = house.deploy()
    assert code == 1
    assert "got no answer" in said
    assert "rolling back failed" in said


def test_a_release_that_is_interrupted_rolls_back(house: House) -> None:
    """SIGTERM in the middle of a step ends the release, not the service."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        house.stand(green.url)
        process = house.start(
            "deploy", PUSHER, "--settle-seconds=0", "--watch-seconds=60", monitor=monitor.url
        )
        assert process.stdout is not None
        assert any("5 % to" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
    assert code == 1
    assert "interrupted by SIGTERM" in said
    assert house.service["shares"] == {OLD: 100}
    assert house.shares[-1] == f"{OLD}=100"


def test_rollback_goes_back_to_the_one_before(house: House) -> None:
    """After a release that went through, one command undoes it."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        house.stand(green.url)
        assert house.deploy(PUSHER, "--steps=100", monitor=monitor.url)[0] == 0
    assert house.service["shares"] == {NEW: 100}
    assert ended(house.start("rollback"))[0] == 0
    assert house.service["shares"] == {OLD: 100}


def test_rollback_without_a_release_says_what_is_missing(house: House) -> None:
    """Where no revision is tagged, nothing is guessed."""
    house.stand("http://nobody")
    code, said = ended(house.start("rollback"))
    assert (code, house.shares) == (1, [])
    assert "no revision is tagged blue" in said


def test_a_dry_run_prints_every_command_and_runs_none(house: House) -> None:
    """All that a release would do is shown, in order, and gcloud is never called."""
    code, said = ended(house.start("deploy", "--dry-run", PUSHER))
    assert (code, house.calls) == (0, [])
    commands = [line for line in said.splitlines() if line.startswith("+ gcloud")]
    shown = [word for line in commands for word in line.split() if word.startswith(SHARES)]
    assert shown == [
        f"{SHARES}{each}" for each in ("GREEN=5,BLUE=95", "GREEN=50,BLUE=50", "GREEN=100", "GREEN=100")
    ]
    assert "run deploy rookery-worker" in said


def test_the_release_knows_the_workers_routes_and_words(routes: set[tuple[str, str]]) -> None:
    """What it posts to exists, and its birds are readings that the codec accepts."""
    text = "".join(path.read_text() for path in (RELEASE.parent / "bluegreen").glob("*.py"))
    assert {("POST", "/"), ("POST", "/predict")} <= routes
    assert 'self._post("/predict"' in text
    for bird in json.loads((RELEASE.parent / "bluegreen" / "birds.json").read_text()):
        decode(json.dumps({**bird["reading"], "device_id": "release-smoke"}).encode())


def test_public_paths_do_not_end_in_z() -> None:
    """Cloud Run keeps paths that end in z for itself, so that a release never asks one from outside."""
    text = (RELEASE.parent / "bluegreen" / "smoke.py").read_text()
    assert "readyz" not in text
    assert "livez" not in text
