"""ComposeProject: docker-compose.yml under a Docker engine of the test's own, which leaves the machine's network rules alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.deploy.image_engine import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAEMON: Final = shutil.which("dockerd")
COMPOSE: Final = shutil.which("docker-compose")
"""Compose 1.29 of Debian; the file itself is for version 2, which has no package there."""

PATIENCE_S: Final = 300.0


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds that no event says."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        # The caller's question is one that an engine or a folder has no event for.
        time.sleep(0.1)


@contextmanager
def docker_engine() -> Iterator[dict[str, str]]:
    """Run an engine with its own store and socket; gives the variables of its clients."""
    assert DAEMON
    # Not a folder of pytest's: the path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="docker-"))
    places = {"data-root": "store", "exec-root": "run", "pidfile": "pid"}
    words = [f"--{name}={folder / place}" for name, place in places.items()]
    words += [f"--host=unix://{folder}/socket", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen([DAEMON, *words], stdout=log, stderr=log, start_new_session=True)
        try:
            until((folder / "socket").exists, "no Docker engine")
            yield {**os.environ, "DOCKER_HOST": f"unix://{folder}/socket"}
        finally:
            daemon.terminate()
            daemon.wait()
    shutil.rmtree(folder)


@dataclass(frozen=True)
class ComposeProject:
    """The services of the file on free ports of the host, with images that the engine already has."""

    environment: dict[str, str]
    file: Path

    @classmethod
    def of(cls, environment: dict[str, str], folder: Path) -> ComposeProject:
        """Write the file so that Compose 1.29 reads it: without its name, builds, and ports that may be taken.

        Health checks may take as long as a busy machine needs.
        """
        file = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        del file["name"]
        for service in file["services"].values():
            service.pop("build", None)
            if "healthcheck" in service:
                service["healthcheck"] |= {"timeout": "30s", "retries": 100}
            service["ports"] = [f"127.0.0.1::{each.split(':')[-1]}" for each in service.get("ports", [])]
        written = folder / "docker-compose.yml"
        written.write_text(yaml.safe_dump(file))
        return cls(environment, written)

    def compose(self, *words: str) -> str:
        """Run Compose to its end; it must succeed."""
        return self._run(*self.words(*words))

    def words(self, *words: str) -> list[str]:
        """The whole command line of Compose."""
        assert COMPOSE
        return [COMPOSE, "--project-name=rookery", f"--file={self.file}", "--profile=embedded", *words]

    def docker(self, *words: str) -> str:
        """Run the engine's client to its end; it must succeed."""
        return self._run("docker", *words)

    def state(self, service: str) -> dict[str, Any]:
        """The engine's description of a service's container."""
        (found,) = json.loads(self.docker("inspect", f"rookery_{service}_1"))
        return dict(found)

    def results(self) -> list[dict[str, Any]]:
        """Every prediction on the volume of results."""
        volume = Path(self.docker("volume", "inspect", "--format={{.Mountpoint}}", "rookery_results"))
        return [line for file in volume.rglob("predictions/**/*.ndjson") for line in _lines(file)]

    def _run(self, *words: str) -> str:
        ran = subprocess.run(
            words, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
        return ran.stdout.strip()


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text().splitlines(keepends=True)
    except FileNotFoundError:
        # It was closed, and has its last name now: the next reading of the folder finds it.
        return []
    # A worker that is killed may leave half a line, which was not acknowledged.
    return [json.loads(line) for line in lines if line.endswith("\n")]
