"""The release, run as it is, against a `gcloud` that records calls, a Monitoring that is scripted, and real workers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rookery.schemas.codec import decode
from rookery.training.testing import variant
from rookery.worker.settings import SHIPPED_MODEL
from tests.deploy.recording_server import RecordingServer, monitoring, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = Path(__file__).parents[2] / "deploy" / "release"
OLD, NEW = "worker-00001-old", "worker-00002-new"
SHARES = "--to-revisions="


def id_tokens() -> RecordingServer:
    """An IAM that allows `roles/iam.serviceAccountOpenIdTokenCreator` and no more: identity tokens, not access tokens."""

    def answers(_: str, path: str, request: Any) -> tuple[int, bytes]:
        headers, body = request
        allowed = (
            path.endswith(":generateIdToken")
            and headers["Authorization"] == "Bearer token-of-print-access-token"
        )
        if not allowed or json.loads(body) != {"audience": "https://worker.example", "includeEmail": True}:
            return 403, b"denied"
        return 200, json.dumps({"token": "identity-token"}).encode()

    return RecordingServer(answers)


@dataclass
class FakeCloud:
    """A folder with a recording `gcloud` on its PATH, the service that it keeps, and the API that makes tokens."""

    folder: Path
    identity: RecordingServer
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        program = self.folder / "gcloud"
        real = Path(__file__).with_name("gcloud_on_the_path.py")
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{real}" "$@"\n')
        program.chmod(0o755)

    def prepare(self, green_url: str, *, built: bool = False) -> None:
        """One revision serves; the next one to be deployed will be found at this address."""
        service = {
            "shares": {OLD: 100},
            "tags": {},
            "created": OLD,
            "next": NEW,
            "urls": {NEW: green_url, OLD: "http://old"},
            "built": built,
        }
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
            "FAKE_CLOUD": str(self.folder),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING": f"{monitor}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": f"{self.identity.url}/",
        }
        command = [str(RELEASE), *words, "--project=my-project"]
        self.started.append(
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return self.started[-1]

    def deploy(self, *words: str, monitor: str = "") -> tuple[int, str]:
        """Deploy without waiting long; gives the exit code and what was said."""
        quick = ("--watch-seconds=0.01", "--metric-lag-seconds=0", "--settle-seconds=0", *words)
        return ended(self.start("deploy", *quick, monitor=monitor))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=50)
    assert "Traceback" not in err
    return process.returncode, out + err


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[FakeCloud]:
    with serving(id_tokens()) as identity:
        cloud = FakeCloud(tmp_path, identity)
        yield cloud
        for process in cloud.started:
            with process:
                process.kill()


@contextmanager
def worker(folder: Path, model: Path) -> Iterator[str]:
    """A real worker with a model, as the green revision would run it."""
    ready_file = folder / "address"
    environment = {
        **os.environ,
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": f"file://{folder}/results",
        "ROOKERY_REJECTS": f"file://{folder}/rejects",
        "ROOKERY_MODEL": str(model),
        "ROOKERY_READY_FILE": str(ready_file),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "rookery.worker"], env=environment, stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        # Its log says `ready` after the file is written.
        assert any(b'"ready"' in line for line in process.stderr)
        yield ready_file.read_text()
    finally:
        process.terminate()
        process.communicate(timeout=12)


KNOWN = RELEASE.parent / "bluegreen" / "known_readings.json"


def acknowledging(
    answer: str | None = None, *, model: str = "any", known: Path = KNOWN, target: str = "species"
) -> RecordingServer:
    """A healthy revision that asks for a token; with `answer`, one that predicts the same for all readings."""
    readings = json.loads(known.read_text())

    def answers(method: str, path: str, request: Any) -> tuple[int, bytes]:
        headers, body = request
        if headers.get("Authorization") != "Bearer identity-token":
            return 403, b""
        if path == "/predict":
            (said,) = (each for each in readings if each["reading"] == json.loads(body))
            prediction = {target: answer or said[target], "model": model}
            return 200, json.dumps({"predictions": [prediction]}).encode()
        return (204 if method == "POST" and b"messageId" in body else 400), b""

    return RecordingServer(answers)


PUSHER = "--push-service-account=push@my-project.iam.gserviceaccount.com"


def test_a_good_revision_gets_all_traffic_step_by_step(cloud: FakeCloud) -> None:
    """With a real worker behind the green tag: build, deploy without traffic, smoke, 5, 50, 100 %, then the tags."""
    with worker(cloud.folder, SHIPPED_MODEL) as address, serving(monitoring()) as monitor:
        cloud.prepare(address)
        code, said = cloud.deploy(monitor=monitor.url)
    assert code == 0, said
    assert cloud.shares == [f"{NEW}=5,{OLD}=95", f"{NEW}=50,{OLD}=50", f"{NEW}=100", f"{NEW}=100"]
    assert cloud.service["tags"] == {"green": NEW, "blue": OLD}
    verbs = [" ".join(call[:2]) for call in cloud.calls]
    assert verbs[:5] == [
        "run services",
        "artifacts docker",
        "builds submit",
        "artifacts docker",
        "run deploy",
    ]
    deploy = next(call for call in cloud.calls if call[:2] == ["run", "deploy"])
    assert "--no-traffic" in deploy
    assert any(word.endswith("/my-project/rookery/worker@sha256:5afe") for word in deploy)


def test_a_commit_whose_image_is_in_the_registry_is_not_built_again(cloud: FakeCloud) -> None:
    """Tags are immutable, so that a second release of a commit deploys the image that is there."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        cloud.prepare(green.url, built=True)
        code, said = cloud.deploy(PUSHER, "--steps=100", monitor=monitor.url)
    assert code == 0
    assert "nothing is built" in said
    assert [call for call in cloud.calls if call[0] == "builds"] == []
    deploy = next(call for call in cloud.calls if call[:2] == ["run", "deploy"])
    assert any(word.endswith("/worker@sha256:5afe") for word in deploy)


def test_the_build_runs_as_terraforms_account_and_stages_in_its_bucket(cloud: FakeCloud) -> None:
    """The build neither runs as the project's default account nor uses Cloud Build's default bucket."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        cloud.prepare(green.url)
        assert cloud.deploy(PUSHER, "--steps=100", monitor=monitor.url)[0] == 0
    (build,) = [call for call in cloud.calls if call[0] == "builds"]
    account = "rookery-build@my-project.iam.gserviceaccount.com"
    assert f"--service-account=projects/my-project/serviceAccounts/{account}" in build
    assert "--gcs-source-staging-dir=gs://my-project-rookery-build/source" in build


def test_a_release_account_needs_only_identity_tokens_of_the_push_account(cloud: FakeCloud) -> None:
    """The release asks IAM for identity tokens alone, never for an access token of the push account."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        cloud.prepare(green.url)
        code, said = cloud.deploy(PUSHER, "--steps=100", monitor=monitor.url)
    assert code == 0, said
    account = PUSHER.partition("=")[2]
    assert set(cloud.identity.asked) == {
        ("POST", f"/v1/projects/-/serviceAccounts/{account}:generateIdToken")
    }
    assert [call for call in cloud.calls if "print-identity-token" in call] == []


def test_a_step_is_checked_over_its_whole_window_after_the_lag_of_the_metrics(cloud: FakeCloud) -> None:
    """Monitoring is asked for exactly the time of the step, and only when the lag has passed since its end."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        cloud.prepare(green.url)
        lag = ("--watch-seconds=0.2", "--metric-lag-seconds=0.5", "--steps=100")
        assert cloud.deploy(PUSHER, *lag, monitor=monitor.url)[0] == 0
        now = datetime.now(UTC)
    query = parse_qs(urlsplit(monitor.asked[0][1]).query)
    since, until = (datetime.fromisoformat(query[f"interval.{end}Time"][0]) for end in ("start", "end"))
    assert until - since == timedelta(seconds=0.2)
    assert now - until >= timedelta(seconds=0.5)


def test_every_smoke_push_is_accounted_for(cloud: FakeCloud) -> None:
    """The smoke test pushes real readings: each ends as one prediction or one rejection, by its own id."""
    with worker(cloud.folder, SHIPPED_MODEL) as address, serving(monitoring()) as monitor:
        cloud.prepare(address)
        assert cloud.deploy("--steps=100", monitor=monitor.url)[0] == 0
    lines = {
        kind: [
            json.loads(line)
            for file in (cloud.folder / kind).rglob("*.ndjson")
            for line in file.read_text().splitlines()
        ]
        for kind in ("results", "rejects")
    }
    first = [line["reading_id"] for line in lines["results"] if "-first-" in line["reading_id"]]
    assert len(first) == len(set(first)) == 3 + 3
    assert {line["device_id"] for line in lines["results"]} == {"release-smoke"}
    assert len([line for line in lines["rejects"] if "-first-" in line["message_id"]]) == 1


def test_a_wrong_model_is_rolled_back_before_it_gets_traffic(cloud: FakeCloud) -> None:
    """A real worker that runs another model than the one released: the smoke test fails, and it never gets traffic."""
    other = cloud.folder / "other.ubj"
    other.write_bytes(variant(SHIPPED_MODEL.read_bytes(), rounds=5))
    with worker(cloud.folder, other) as address:
        cloud.prepare(address)
        code, said = cloud.deploy()
    assert code == 1
    assert "is right" in said
    assert cloud.shares == [f"{OLD}=100"]
    assert "--remove-tags=green" in cloud.calls[-1]
    assert cloud.service["shares"] == {OLD: 100}
    assert cloud.service["tags"] == {}


def test_a_model_that_misclassifies_is_rolled_back(cloud: FakeCloud, tmp_path: Path) -> None:
    """A revision that predicts Adelie for every reading gets no traffic, whatever its model is called."""
    model = tmp_path / "model"
    model.write_bytes(b"any")
    name = hashlib.sha256(b"any").hexdigest()[:12]
    with serving(acknowledging("Adelie", model=name)) as green:
        cloud.prepare(green.url)
        code, said = cloud.deploy(PUSHER, f"--model={model}")
    assert (code, cloud.shares) == (1, [f"{OLD}=100"])
    assert "species Adelie where Gentoo is right" in said


def test_a_model_of_another_contract_is_released_by_its_own_known_readings(
    cloud: FakeCloud, tmp_path: Path
) -> None:
    """With known readings of another model the smoke test expects that model's target and labels."""
    known = tmp_path / "known.json"
    known.write_text(
        json.dumps(
            [
                {"verdict": "good", "reading": {"pH value": 7.1, "soil": "clay"}},
                {"verdict": "bad", "reading": {"pH value": 3.0}},
            ]
        )
    )
    model = tmp_path / "model"
    model.write_bytes(b"wells")
    name = hashlib.sha256(b"wells").hexdigest()[:12]
    words = (PUSHER, f"--model={model}", f"--known-readings={known}", "--steps=100")
    with (
        serving(acknowledging(model=name, known=known, target="verdict")) as green,
        serving(monitoring()) as monitor,
    ):
        cloud.prepare(green.url)
        assert cloud.deploy(*words, monitor=monitor.url)[0] == 0
    with serving(acknowledging("good", model=name, known=known, target="verdict")) as green:
        cloud.prepare(green.url)
        code, said = cloud.deploy(*words)
    assert code == 1
    assert "verdict good where bad is right" in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '[{"reading": {}}]', '[{"a": "b"}]', '["a"]', "3"])
def test_a_file_without_known_readings_ends_a_release_before_it_begins(
    cloud: FakeCloud, tmp_path: Path, text: str
) -> None:
    """A file of another form is named with the form that is needed, and nothing is built or deployed."""
    known = tmp_path / "known.json"
    known.write_text(text)
    code, said = cloud.deploy(f"--known-readings={known}")
    assert (code, cloud.calls) == (1, [])
    assert "holds no known readings" in said


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (monitoring(good=980, bad=20), "2.0%"),
        (monitoring(p99_ms=1500), "1.50 s"),
        (monitoring(good=0), "saw no request"),
        (RecordingServer(lambda *_: (500, b"out of order")), "HTTP 500"),
    ],
    ids=["refused", "slow", "unseen", "blind"],
)
def test_a_step_that_goes_badly_is_rolled_back(cloud: FakeCloud, seen: RecordingServer, why: str) -> None:
    """Too many refusals, too slow, or no numbers at all: the old revision gets everything back after 5 %."""
    with serving(released()) as green, serving(seen) as monitor:
        cloud.prepare(green.url)
        code, said = cloud.deploy(PUSHER, monitor=monitor.url)
    assert code == 1
    assert why in said
    assert cloud.shares == [f"{NEW}=5,{OLD}=95", f"{OLD}=100"]
    assert cloud.service["tags"] == {}


def released() -> RecordingServer:
    """A right revision with the model that is shipped."""
    name = hashlib.sha256(SHIPPED_MODEL.read_bytes()).hexdigest()[:12]
    return acknowledging(model=name)


def test_an_open_door_is_rolled_back(cloud: FakeCloud) -> None:
    """A revision that takes pushes from anybody gets no traffic where pushes should carry tokens."""
    guarded = released()
    closed = guarded.answers

    def open_door(method: str, path: str, request: Any) -> tuple[int, bytes]:
        headers, body = request
        return closed(method, path, ({**headers, "Authorization": "Bearer identity-token"}, body))

    guarded.answers = open_door
    with serving(guarded) as green:
        cloud.prepare(green.url)
        code, said = cloud.deploy(PUSHER)
    assert code == 1
    assert "without a token: HTTP 204" in said
    assert cloud.service["shares"] == {OLD: 100}


@pytest.mark.parametrize("command", ["run deploy", "auth print-access-token"])
def test_a_command_that_fails_is_rolled_back(cloud: FakeCloud, command: str) -> None:
    """Traffic is as it was before when any command of gcloud fails after the build."""
    (cloud.folder / "fail").write_text(command)
    with serving(released()) as green, serving(monitoring()) as monitor:
        cloud.prepare(green.url)
        code, _ = cloud.deploy(PUSHER, monitor=monitor.url)
    assert code == 1
    assert cloud.shares[-1] == f"{OLD}=100"
    assert cloud.service["shares"] == {OLD: 100}


def test_a_build_that_fails_touches_nothing(cloud: FakeCloud) -> None:
    """Nothing was deployed, so nothing has to be taken back."""
    (cloud.folder / "fail").write_text("builds submit")
    cloud.prepare("http://green.invalid")
    code, said = cloud.deploy()
    assert (code, cloud.shares) == (1, [])
    assert "exit code 1" in said


def test_a_rollback_that_fails_says_so(cloud: FakeCloud) -> None:
    """The error names both reasons, so that the on-call engineer checks the service."""
    (cloud.folder / "fail").write_text("--remove-tags=green")
    cloud.prepare("http://127.0.0.1:1")
    code, said = cloud.deploy()
    assert code == 1
    assert "got no answer" in said
    assert "rolling back failed" in said


def test_a_release_that_is_interrupted_rolls_back(cloud: FakeCloud) -> None:
    """SIGTERM in the middle of a step ends the release, not the service."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        cloud.prepare(green.url)
        process = cloud.start(
            "deploy", PUSHER, "--settle-seconds=0", "--watch-seconds=60", monitor=monitor.url
        )
        assert process.stdout is not None
        assert any("5 % to" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
    assert code == 1
    assert "interrupted by SIGTERM" in said
    assert cloud.service["shares"] == {OLD: 100}
    assert cloud.shares[-1] == f"{OLD}=100"


def test_rollback_goes_back_to_the_one_before(cloud: FakeCloud) -> None:
    """After a release that went through, one command undoes it."""
    with serving(released()) as green, serving(monitoring()) as monitor:
        cloud.prepare(green.url)
        assert cloud.deploy(PUSHER, "--steps=100", monitor=monitor.url)[0] == 0
    assert cloud.service["shares"] == {NEW: 100}
    assert ended(cloud.start("rollback"))[0] == 0
    assert cloud.service["shares"] == {OLD: 100}


def test_rollback_without_a_release_says_what_is_missing(cloud: FakeCloud) -> None:
    """Where no revision is tagged, nothing is guessed."""
    cloud.prepare("http://green.invalid")
    code, said = ended(cloud.start("rollback"))
    assert (code, cloud.shares) == (1, [])
    assert "no revision is tagged blue" in said


def test_a_dry_run_prints_every_command_and_runs_none(cloud: FakeCloud) -> None:
    """All that a release would do is shown, in order, and gcloud is never called."""
    code, said = ended(cloud.start("deploy", "--dry-run", PUSHER))
    assert (code, cloud.calls) == (0, [])
    commands = [line for line in said.splitlines() if line.startswith("+ gcloud")]
    shown = [word for line in commands for word in line.split() if word.startswith(SHARES)]
    assert shown == [
        f"{SHARES}{each}" for each in ("GREEN=5,BLUE=95", "GREEN=50,BLUE=50", "GREEN=100", "GREEN=100")
    ]
    assert "run deploy rookery-worker" in said


def test_the_release_knows_the_workers_routes_and_words(routes: set[tuple[str, str]]) -> None:
    """Its paths exist in the worker, and the codec accepts its readings."""
    text = "".join(path.read_text() for path in (RELEASE.parent / "bluegreen").glob("*.py"))
    assert {("POST", "/"), ("POST", "/predict")} <= routes
    assert 'self._post("/predict"' in text
    for known in json.loads(KNOWN.read_text()):
        decode(json.dumps({**known["reading"], "device_id": "release-smoke"}).encode())


def test_public_paths_do_not_end_in_z() -> None:
    """Cloud Run keeps paths that end in z for itself, so that a release never asks one from outside."""
    text = (RELEASE.parent / "bluegreen" / "smoke.py").read_text()
    assert "readyz" not in text
    assert "livez" not in text
