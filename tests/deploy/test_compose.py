"""The compose file against its schema and the code: every command, option, variable, port and probe exists."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import yaml

from rookery.broker.__main__ import _parser as broker_options
from rookery.cli import app
from rookery.publisher.files.source import REJECTED
from rookery.publisher.settings import EMULATOR_VARIABLE
from rookery.worker.settings import Settings
from storage_emulator.__main__ import parser as storage_options
from storage_emulator.server import StorageServer

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
    options = broker_options().parse_args(words)
    assert options.host == "0.0.0.0"  # noqa: S104  inside a container
    assert not options.memory
    program, *words = SERVICES["storage"]["command"]
    assert importlib.util.find_spec(f"{program}.__main__")
    assert storage_options().parse_args(words).port == 9023
    locust = SERVICES["locust"]["command"]
    file = Path(locust[locust.index("-f") + 1])
    assert (root / file.relative_to("rookery")).exists()


def test_images_are_stages_of_the_dockerfile(root: Path) -> None:
    """Every built image is a stage of the Dockerfile; the only image that is pulled is Google's emulator."""
    stages = {
        line.split(" AS ")[1] for line in (root / "Dockerfile").read_text().splitlines() if " AS " in line
    }
    assert {each["build"]["target"] for each in SERVICES.values() if "build" in each} <= stages
    built = {each["image"] for each in SERVICES.values() if "build" in each}
    assert [name for name, each in SERVICES.items() if each["image"] not in built] == ["emulator"]


def test_nothing_is_written_to_a_read_only_root() -> None:
    """Bad rows and checkpoints go to a volume, for the image's own folders cannot be written and a tmpfs is lost."""
    for name in ("publisher", "embedded-publisher"):
        command = SERVICES[name]["command"]
        assert SERVICES[name]["read_only"] is True
        folder = command[command.index("--work-dir") + 1]
        assert SERVICES[name]["volumes"] == [f"bad-rows:{folder}"]
        assert SERVICES[name]["tmpfs"] == [], "it would lie over the volume"
        assert f"{name}:{folder}/penguins.csv{REJECTED} ." in FILE.read_text() or name == "embedded-publisher"
    assert "bad-rows" in yaml.safe_load(FILE.read_text())["volumes"]


def test_broker_and_results_are_kept_on_volumes() -> None:
    """The broker's store and a folder of results lie on volumes of their own, which any user may write to, and no tmpfs does."""
    worker = SERVICES["worker"]["environment"]
    folders = {
        "broker": [broker_options().parse_args(SERVICES["broker"]["command"][1:]).data],
        "results": [
            Path(urlsplit(each).path)
            for name in ("ROOKERY_RESULTS", "ROOKERY_REJECTS")
            for each in worker[name].split(",")
            if each.startswith("file:///")
        ],
    }
    assert len(folders["results"]) == 2
    for volume, service in (("broker", "broker"), ("results", "worker")):
        (mounted,) = SERVICES[service]["volumes"]
        name, _, place = mounted.partition(":")
        assert (name, place) == (volume, "/var/tmp")  # noqa: S108  the image's folder of this mode
        assert place not in SERVICES[service]["tmpfs"]
        assert all(Path(place) in each.parents for each in folders[volume])
    assert yaml.safe_load(FILE.read_text())["volumes"].keys() == {"bad-rows", "broker", "results"}


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
    bucket = command[command.index("--bucket") + 1]
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


def test_one_service_builds_each_image() -> None:
    """Compose builds in parallel, and two builders of one tag fail; the builder is part of every profile of its image."""
    images = {each["image"] for each in SERVICES.values() if each["image"].startswith("rookery-")}
    for image in images:
        users = [each for each in SERVICES.values() if each["image"] == image]
        (builder,) = [each for each in users if "build" in each]
        assert all(each["pull_policy"] == "never" for each in users), "no registry is asked"
        assert "profiles" not in builder or len(users) == 1


def test_every_process_ends_at_once_when_it_is_stopped() -> None:
    """An init passes SIGTERM on; the worker handles it itself, and its image says so."""
    without = [name for name, each in SERVICES.items() if not each.get("init")]
    assert without == ["worker"]


def test_a_killed_worker_or_broker_starts_again() -> None:
    """Worker and broker restart after a failure; stores in memory do not, as they would be empty."""
    restarted = {name: each["restart"] for name, each in SERVICES.items() if "restart" in each}
    assert restarted == {"worker": "on-failure", "broker": "on-failure"}


def test_everything_can_be_removed() -> None:
    """The header's command for removal takes the services of every profile along, and the volume."""
    assert "docker compose --profile '*' down --volumes" in FILE.read_text().partition("name: rookery")[0]


def test_the_storage_emulator_answers_its_health_check() -> None:
    """The probe's path is there as soon as the emulator serves, under whatever name it is asked."""
    command = SERVICES["storage"]["command"]
    bucket = command[command.index("--bucket") + 1]
    path = SERVICES["storage"]["healthcheck"]["test"][-1]
    with StorageServer(bucket, host="0.0.0.0") as server:  # noqa: S104  as in its container
        port = urlsplit(server.url).port
        with urllib.request.urlopen(f"http://localhost:{port}{path}", timeout=10) as answer:
            assert answer.status == 200
