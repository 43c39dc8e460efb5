"""docker-compose.yml run: everything is classified, a killed worker comes back, and everything ends when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.deploy.compose_project import COMPOSE, DAEMON, ComposeProject, docker_engine, until
from tests.deploy.image_engine import WITH_AN_ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.deploy.image_engine import ImageEngine

READINGS = 342
"""The rows of the demo's table that are readings."""

KILLED = 128 + signal.SIGKILL
STOP_S = 5

pytestmark = [
    *WITH_AN_ENGINE,
    pytest.mark.skipif(
        DAEMON is None or COMPOSE is None, reason="needs Debian's docker.io and docker-compose"
    ),
]


@pytest.fixture
def project(engine: ImageEngine, worker_image: str, tmp_path: Path) -> Iterator[ComposeProject]:
    """The images built by buildah, handed to an engine of the test's own."""
    tools_image = engine.built("tools", "tools")
    with docker_engine() as environment:
        project = ComposeProject.of(environment, tmp_path)
        for image in (worker_image, tools_image):
            archive = tmp_path / "image.tar"
            name = image.removeprefix("localhost/").replace(":test", ":latest")
            engine.run("buildah", "push", "--quiet", image, f"docker-archive:{archive}:{name}")
            project.docker("load", "--quiet", "--input", str(archive))
            archive.unlink()
        try:
            yield project
        finally:
            project.compose("down", "--volumes", "--timeout=1")
    engine.removed(tools_image)


def test_the_embedded_profile_classifies_recovers_and_stops(project: ComposeProject) -> None:
    """Every reading is predicted, also those that a worker killed in mid-push had not; no container needs SIGKILL to stop."""
    project.compose("up", "--no-build", "--detach", "embedded-publisher")
    assert project.docker("wait", "rookery_embedded-publisher_1") == "0"
    until(lambda: len(project.results()) >= READINGS, "not every reading was predicted")
    assert len({each["reading_id"] for each in project.results()}) == READINGS
    port = project.docker("port", "rookery_storage_1", "9023").rpartition(":")[2]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/storage/v1/b/rookery/o") as answer:
        assert b"predictions/" in answer.read()

    publish = yaml.safe_load(project.file.read_text())["services"]["embedded-publisher"]["command"]
    with subprocess.Popen(
        project.words("run", "--rm", "-T", "--no-deps", "embedded-publisher", *publish, "--id-prefix=again-"),
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as publisher:
        until(lambda: len(project.results()) > READINGS, "nothing of the second publication was predicted")
        # By its process: what the engine's own client kills is not restarted.
        os.kill(project.state("worker")["State"]["Pid"], signal.SIGKILL)
    assert publisher.returncode == 0
    until(
        lambda: len({each["reading_id"] for each in project.results()}) == 2 * READINGS,
        "readings were lost with the worker",
    )
    until(lambda: project.state("worker")["State"]["Health"]["Status"] == "healthy", "no healthy worker")
    assert project.state("worker")["RestartCount"] == 1

    project.compose("stop", f"--timeout={STOP_S}")
    ended = {name: project.state(name)["State"]["ExitCode"] for name in ("broker", "storage", "worker")}
    assert KILLED not in ended.values(), ended
    project.compose("up", "--no-build", "--detach", "worker")
    assert len({each["reading_id"] for each in project.results()}) == 2 * READINGS
