"""Dockerfile and compose file against the code: every setting, port, path and command that they name exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from publisher.settings import EMULATOR_VARIABLE
from rookery.cli import app
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
WORKER_SETTINGS = {f"ROOKERY_{name.upper()}" for name in Settings.model_fields}


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = COMPOSE["services"]
    return found


@pytest.mark.parametrize(
    "text", [DOCKERFILE, (ROOT / "docker-compose.yml").read_text()], ids=["image", "compose"]
)
def test_every_setting_that_is_named_exists(text: str) -> None:
    """A setting that was renamed in the code does not live on in a deployment, ignored."""
    assert set(re.findall(r"ROOKERY_[A-Z_]+", text)) <= WORKER_SETTINGS


def test_the_image_copies_only_what_exists() -> None:
    """Every path that the build copies from the tree is there."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    assert copied
    assert [path for line in copied for path in line.split() if not (ROOT / path).exists()] == []


def test_the_image_runs_the_worker_as_nobody() -> None:
    """A numeric user that is not root, the worker as the first process, and the signal that it drains on."""
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, flags=re.MULTILINE)
    assert 'CMD ["python", "-m", "worker"]' in DOCKERFILE
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    assert "--require-hashes -r requirements/worker.txt" in DOCKERFILE


def test_health_checks_ask_a_route_that_exists() -> None:
    """Both health checks ask the probe that the worker serves, on the port that it is given."""
    served = (ROOT / "worker" / "app.py").read_text()
    for text in (DOCKERFILE, str(services()["worker"]["healthcheck"])):
        (route,) = re.findall(r"http://127\.0\.0\.1:8080(/\w+)", text)
        assert f'"{route}"' in served


def test_ports_agree() -> None:
    """The port that is published is the worker's own, and the setup sends the pushes there."""
    assert services()["worker"]["environment"]["ROOKERY_PORT"] == "8080"
    assert services()["worker"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "--push-to http://worker:8080/" in services()["setup"]["command"]
    for name in ("setup", "publisher"):
        assert services()[name]["environment"] == {EMULATOR_VARIABLE: "emulator:8085"}


@pytest.mark.parametrize("name", ["setup", "publisher"])
def test_commands_exist_with_their_options(name: str) -> None:
    """What the compose file tells `rookery` to do is a command with just these options."""
    program, *words = services()[name]["command"].split()
    assert program == "rookery"
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_order_is_right() -> None:
    """Penguins come last: after the topic, which comes after the broker and the worker are healthy."""
    assert services()["publisher"]["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    assert services()["setup"]["depends_on"] == {
        each: {"condition": "service_healthy"} for each in ("emulator", "worker")
    }
