"""The compose file against its schema and the code: every command, option, variable, port and probe exists."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import yaml
from gcp_storage_emulator.__main__ import prepare_args_parser

from rookery.broker.__main__ import _parser as broker_options
from rookery.cli import app
from rookery.publisher.settings import EMULATOR_VARIABLE
from rookery.worker.settings import Settings

FILE = Path(__file__).parents[2] / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
FRONT_DOOR = [name for name, each in SERVICES.items() if each.get("command", [""])[0] == "rookery"]


def waits_for(name: str) -> dict[str, str]:
    return {other: how["condition"] for other, how in SERVICES[name].get("depends_on", {}).items()}


def test_the_schema_of_compose_files_holds() -> None:
    """Nothing is misspelt that a parser would let through."""
    program = Path(sys.executable).with_name("check-jsonschema")
    check = [str(program), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    ran = subprocess.run(check, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_worker_gets_only_variables_that_it_reads(worker_variables: set[str]) -> None:
    """Every variable is one of its settings or of Google's clients, and the settings accept the values."""
    environment = SERVICES["worker"]["environment"]
    assert environment.keys() <= worker_variables
    own = {name.removeprefix("ROOKERY_").lower(): value for name, value in environment.items()}
    assert Settings(**own).results.startswith("gs://")


@pytest.mark.parametrize("name", FRONT_DOOR)
def test_commands_exist_with_their_options(name: str) -> None:
    """Each `rookery` command of the compose file exists and takes its options."""
    _, *words = SERVICES[name]["command"]
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    context = command.make_context(name, words, resilient_parsing=False)
    assert context.args == []
    assert SERVICES[name]["environment"].keys() == {EMULATOR_VARIABLE}


def test_the_other_programs_take_their_words(root: Path) -> None:
    """Broker and storage emulator know their options, and Locust's file is there."""
    program, *words = SERVICES["broker"]["command"]
    assert importlib.util.find_spec(f"{program}.__main__")
    assert broker_options().parse_args(words).host == "0.0.0.0"  # noqa: S104  inside a container
    program, *words = SERVICES["storage"]["command"]
    assert program == "gcp_storage_emulator"
    parser, _ = prepare_args_parser()
    assert str(parser.parse_args(words).port) == "9023"
    locust = SERVICES["locust"]["command"]
    file = Path(locust[locust.index("-f") + 1])
    assert (root / file.relative_to("rookery")).exists()


def test_images_are_stages_of_the_dockerfile(root: Path) -> None:
    """Every built image is a stage of the Dockerfile; the only image that is pulled is Google's emulator."""
    stages = {
        line.split(" AS ")[1] for line in (root / "Dockerfile").read_text().splitlines() if " AS " in line
    }
    assert {each["build"]["target"] for each in SERVICES.values() if "build" in each} <= stages
    assert [name for name, each in SERVICES.items() if "build" not in each] == ["emulator"]


def test_nothing_is_written_to_a_read_only_root() -> None:
    """Bad rows and checkpoints of the penguins go to a tmpfs, for the image's own folders cannot be written."""
    for name in ("publisher", "embedded-publisher"):
        command = SERVICES[name]["command"]
        assert SERVICES[name]["read_only"] is True
        assert command[command.index("--work-dir") + 1] in SERVICES[name]["tmpfs"]


def test_addresses_agree() -> None:
    """Every address names a service of the file and the port on which it listens."""
    listens = {
        "worker": Settings.model_fields["port"].default,
        "emulator": 8085,
        "broker": 8085,
        "storage": 9023,
        "locust": 8089,
    }
    for name, port in listens.items():
        assert SERVICES[name]["ports"][0].endswith(f":{port}"), name
        assert SERVICES[name]["ports"][0].startswith("127.0.0.1:"), "the world outside gets nothing"
    worker = SERVICES["worker"]["environment"]
    assert worker["STORAGE_EMULATOR_HOST"] == "http://storage:9023"
    for name, broker in (("setup", "emulator"), ("embedded-setup", "broker")):
        assert "http://worker:8080/" in SERVICES[name]["command"]
        assert SERVICES[name]["environment"] == {EMULATOR_VARIABLE: f"{broker}:8085"}


def test_buckets_agree() -> None:
    """The bucket that the worker writes to is the one that the storage emulator is started with."""
    command = SERVICES["storage"]["command"]
    bucket = command[command.index("--default-bucket") + 1]
    worker = SERVICES["worker"]["environment"]
    assert all(worker[name].startswith(f"gs://{bucket}/") for name in ("ROOKERY_RESULTS", "ROOKERY_REJECTS"))


def test_the_order_is_right() -> None:
    """Penguins come last: after the topic, which comes after broker and worker are healthy, the bucket first."""
    for prefix, broker in (("", "emulator"), ("embedded-", "broker")):
        assert waits_for(f"{prefix}publisher") == {f"{prefix}setup": "service_completed_successfully"}
        assert waits_for(f"{prefix}setup") == {broker: "service_healthy", "worker": "service_healthy"}
    assert waits_for("worker") == {"storage": "service_healthy"}
    assert waits_for("locust") == {"setup": "service_completed_successfully"}


def test_who_is_waited_for_can_say_that_it_is_healthy(root: Path, routes: set[tuple[str, str]]) -> None:
    """Every `service_healthy` has a health check, and each asks by the same small program."""
    waited = {
        other for name in SERVICES for other, how in waits_for(name).items() if how == "service_healthy"
    }
    assert [name for name in waited if "healthcheck" not in SERVICES[name]] == []
    assert ("GET", "/readyz") in routes
    for name in ("storage", "broker", "locust"):
        assert (root / "deploy" / "image" / SERVICES[name]["healthcheck"]["test"][2]).exists()


def test_profiles_add_and_never_take_away() -> None:
    """Without a profile the whole way stands; `load` and `embedded` only add to it."""
    profiles = {name: each.get("profiles") for name, each in SERVICES.items()}
    assert {name for name, profile in profiles.items() if profile is None} == {
        *("emulator", "storage", "worker", "setup", "publisher"),
    }
    assert profiles["locust"] == ["load"]
    assert all(profiles[name] == ["embedded"] for name in ("broker", "embedded-setup", "embedded-publisher"))


def test_the_worker_serves_the_name_that_pushes_ask_for() -> None:
    """Without tokens only loopback's names are served, and those that are listed."""
    allowed = SERVICES["worker"]["environment"]["ROOKERY_ALLOWED_HOSTS"].split(",")
    asked = {
        urlsplit(each["command"][each["command"].index("--push-to") + 1]).hostname
        for each in SERVICES.values()
        if "--push-to" in each.get("command", [])
    }
    assert asked == set(allowed)
