"""The release through the installed gcloud, with Google's APIs on loopback: what Cloud Run is really asked for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rookery.worker.settings import SHIPPED_MODEL
from tests.deploy.cloud_run_api import CloudRunApi
from tests.deploy.recording_server import RecordingServer, monitoring, serving
from tests.deploy.worker_pool_api import WorkerPoolApi

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = Path(__file__).parents[2] / "deploy" / "release"
SERVICE = "rookery-worker"

pytestmark = [
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
    pytest.mark.timeout(600),
]


def healthy() -> RecordingServer:
    """A revision that classifies with the shipped model and acknowledges envelopes."""
    model = hashlib.sha256(SHIPPED_MODEL.read_bytes()).hexdigest()[:12]
    known = json.loads((RELEASE.parent / "bluegreen" / "known_readings.json").read_text())

    def answers(_: str, path: str, request: Any) -> tuple[int, bytes]:
        if path == "/predict":
            (species,) = (each["species"] for each in known if each["reading"] == json.loads(request[1]))
            return 200, json.dumps({"predictions": [{"species": species, "model": model}]}).encode()
        return (204 if b"messageId" in request[1] else 400), b""

    return RecordingServer(answers)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    token = tmp_path / "token"
    token.write_text("a-token")
    return {
        **os.environ,
        "PYTHON": sys.executable,
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        # gcloud puts the region before the host's name, so that only a proxy can stand for it.
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "http://run.invalid/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": "http://serviceusage.invalid/",
    }


@pytest.fixture
def api() -> Iterator[CloudRunApi]:
    with serving(healthy()) as green:
        yield CloudRunApi(SERVICE, green.url)


def release(api: CloudRunApi, environment: dict[str, str], verb: str, *, refused: int = 0) -> tuple[int, str]:
    """Run one command of the release over the real gcloud."""
    quick = ("--watch-seconds=0", "--metric-lag-seconds=0", "--settle-seconds=0", "--steps=100")
    words = (verb, *((*quick, "--image=registry/worker@sha256:5afe") if verb == "deploy" else ()))
    with serving(RecordingServer(api.answers)) as run, serving(monitoring(bad=refused)) as monitor:
        addresses = {"http_proxy": run.url, "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING": f"{monitor.url}/"}
        ran = subprocess.run(
            [str(RELEASE), *words, "--project=my-project"],
            env={**environment, **addresses},
            capture_output=True,
            text=True,
            check=False,
        )
    return ran.returncode, ran.stdout + ran.stderr


def percentages(api: CloudRunApi) -> dict[str, int]:
    return {
        each["revisionName"]: each["percent"] for each in api.service["spec"]["traffic"] if "percent" in each
    }


def test_a_release_leaves_no_revision_name_that_terraform_would_send_again(
    api: CloudRunApi, environment: dict[str, str]
) -> None:
    """Deploy, withdraw, deploy and roll back: traffic is right each time, and the template never gets a name."""
    old = api.revision
    code, said = release(api, environment, "deploy", refused=500)
    assert (code, percentages(api)) == (1, {old: 100}), said
    assert [each for each in api.service["spec"]["traffic"] if "tag" in each] == []
    code, said = release(api, environment, "deploy")
    assert (code, percentages(api)) == (0, {api.revision: 100}), said
    assert {each.get("tag") for each in api.service["spec"]["traffic"]} >= {"blue", "green"}
    code, said = release(api, environment, "rollback")
    assert (code, percentages(api)) == (0, {old: 100}), said
    assert [each for each in api.changes if each["template"]["metadata"].get("name")] == []


def ages(seconds: int) -> RecordingServer:
    """A Monitoring API whose subscription has a message of that age."""
    points = [{"value": {"int64Value": str(seconds)}}]

    def answers(_: str, path: str, __: Any) -> tuple[int, bytes]:
        (chosen,) = parse_qs(urlsplit(path).query)["filter"]
        known = "oldest_unacked_message_age" in chosen and 'subscription_id="readings-worker"' in chosen
        return 200, json.dumps({"timeSeries": [{"points": points}] if known else []}).encode()

    return RecordingServer(answers)


def pool_release(
    pool: WorkerPoolApi, environment: dict[str, str], verb: str, image: str = "", *, age: int = 5
) -> tuple[int, str]:
    """Run one command of the release of a worker pool."""
    quick = ("--watch-seconds=0", "--metric-lag-seconds=0", "--steps=50,100", f"--image={image}")
    words = (verb, f"--worker-pool={SERVICE}", *(quick if verb == "deploy" else ()))
    with serving(RecordingServer(pool.answers)) as run, serving(ages(age)) as monitor:
        addresses = {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": f"{run.url}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING": f"{monitor.url}/",
        }
        ran = subprocess.run(
            [str(RELEASE), *words, "--project=my-project"],
            env={**environment, **addresses},
            capture_output=True,
            text=True,
            check=False,
        )
    return ran.returncode, ran.stdout + ran.stderr


def test_a_worker_pool_is_released_withdrawn_and_rolled_back(environment: dict[str, str]) -> None:
    """A backlog or an image that does not start goes back; the splits are right each time, and no template gets a name."""
    pool = WorkerPoolApi(SERVICE, broken={"worker@sha256:bad"})
    old = f"{SERVICE}-00001-abc"
    code, said = pool_release(pool, environment, "deploy", "worker@sha256:slow", age=500)
    assert (code, pool.shares) == (1, {old: 100}), said
    assert "waits for 500 s" in said
    code, said = pool_release(pool, environment, "deploy", "worker@sha256:bad")
    assert (code, pool.shares) == (1, {old: 100}), said
    assert "startup probe" in said
    code, said = pool_release(pool, environment, "rollback")
    assert code == 1, "nothing ran before"
    code, said = pool_release(pool, environment, "deploy", "worker@sha256:good")
    assert (code, pool.shares) == (0, {f"{SERVICE}-00004-abc": 100}), said
    code, said = pool_release(pool, environment, "rollback")
    assert (code, pool.shares) == (0, {old: 100}), said
    assert [fields for _, fields in pool.changes if fields.get("template", {}).get("revision")] == []
    assert {each["template"]["containers"][1]["image"] for _, each in pool.changes if "template" in each} == {
        "collector"
    }
