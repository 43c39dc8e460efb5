"""The Dockerfile against the code: what it copies, sets and asks exists, and nothing else gets in."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def shipped(dockerfile: str) -> str:
    """The last stage: what is really shipped."""
    return dockerfile[dockerfile.index("AS worker") :]


def test_hadolint_has_nothing_to_say(root: Path) -> None:
    """The rules for good Dockerfiles hold, without exceptions."""
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, root / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_every_setting_that_the_image_names_exists(
    dockerfile: str, worker_variables: set[str], named_settings: Callable[[str], set[str]]
) -> None:
    """A setting that was renamed in the code does not live on in the image, ignored."""
    assert named_settings(dockerfile)
    assert named_settings(dockerfile) <= worker_variables


def test_the_image_copies_only_what_exists(dockerfile: str, root: Path) -> None:
    """Every path that the build copies from the tree is there, and in the build context."""
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", dockerfile, flags=re.MULTILINE))
    found = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, flags=re.MULTILINE)
    copied = [re.sub(r"\$\{(\w+)\}", lambda name: defaults[name[1]], line) for line in found]
    assert copied
    assert [path for line in copied for path in line.split() if not (root / path).exists()] == []
    ignore = (root / ".dockerignore").read_text()
    assert [path for line in copied for path in line.split() if not _kept(ignore, path)] == []


def test_the_image_serves_as_an_unprivileged_user_on_the_settings_port(shipped: str) -> None:
    """A numeric user that is not root, the worker's default port, its own module first, and the signal it drains on."""
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", shipped, flags=re.MULTILINE)
    assert f"EXPOSE {Settings.model_fields['port'].default}" in shipped
    assert "ROOKERY_PORT" not in shipped, "it would win over Cloud Run's PORT"
    assert 'ENTRYPOINT ["python3", "-P", "-m", "rookery.worker"]' in shipped
    assert "STOPSIGNAL SIGTERM" in shipped


def test_dependencies_come_by_hash_and_before_code(dockerfile: str) -> None:
    """A change of code keeps the layer of the dependencies, and nothing is installed that the lock does not name."""
    installs = re.findall(r"^RUN \[.*?\]$", dockerfile, flags=re.MULTILINE | re.DOTALL)
    pip = [each for each in installs if '"pip"' in each]
    assert len(pip) == 3
    assert all('"--require-hashes"' in each and '"--only-binary"' in each for each in pip)
    for stage in dockerfile.split("\nFROM ")[1:]:
        if '"pip"' in stage and "COPY rookery" in stage:
            assert stage.index('"pip"') < stage.index("COPY rookery")


def _kept(ignore: str, path: str) -> bool:
    """Whether the build context holds a path: the last line that matches it or a parent decides."""
    kept = True
    parts = path.split("/")
    names = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in ignore.splitlines():
        pattern = line.removeprefix("!").rstrip("/")
        if not pattern or pattern.startswith("#"):
            continue
        deep = pattern.removeprefix("**/")
        asked = parts if deep != pattern else names
        if any(fnmatch(name, deep) for name in asked):
            kept = line.startswith("!")
    return kept


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        "demo-20261123/results/x.ndjson",
        "worker/.env",
        "worker/service-credentials.json",
        "rookery/key.pem",
        "load/private.key",
        "deploy/terraform/terraform.tfstate",
        "tests/conftest.py",
        "schemas/__pycache__/x.pyc",
    ],
)
def test_secrets_and_results_stay_out(root: Path, path: str) -> None:
    """Secrets, results and tests are not part of the build context."""
    assert not _kept((root / ".dockerignore").read_text(), path)


@pytest.mark.parametrize(
    "path",
    [
        "worker/shipped/penguins.ubj",
        "requirements/worker.txt",
        "requirements/worker-compiled.txt",
        "deploy/image/slim.py",
        "worker/app.py",
    ],
)
def test_what_the_image_needs_goes_in(root: Path, path: str) -> None:
    """The model that was last known good is among it."""
    assert _kept((root / ".dockerignore").read_text(), path)
    assert (root / path).exists()


class _Worker(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Worker)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_asks_a_probe_that_the_worker_serves(  # noqa: PLR0913, PLR0917  each is one part of it
    root: Path,
    routes: set[tuple[str, str]],
    answering: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: int,
) -> None:
    """Healthy says exit code 0, anything else 1; the port is the worker's own."""
    assert ("GET", "/readyz") in routes
    monkeypatch.setattr(_Worker, "status", status)
    check = [sys.executable, str(root / "deploy" / "image" / "healthcheck.py")]
    environment = {"ROOKERY_PORT": str(answering.server_port), "PORT": "1"}
    assert subprocess.run(check, env=environment, check=False).returncode == code


def test_no_server_is_unhealthy(root: Path, answering: HTTPServer) -> None:
    """A worker that died is not healthy, and the check says so without a traceback."""
    answering.server_close()
    check = [sys.executable, str(root / "deploy" / "image" / "healthcheck.py"), str(answering.server_port)]
    ran = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "")
