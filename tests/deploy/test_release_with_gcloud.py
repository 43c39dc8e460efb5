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

import pytest

from rookery.worker.settings import SHIPPED_MODEL
from tests.deploy.cloud_run_api import CloudRunApi
from tests.deploy.recording_server import RecordingServer, monitoring, serving

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
