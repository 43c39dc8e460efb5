"""The command line: every command explains itself, nothing heavy for nothing, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer.testing import CliRunner

from rookery.cli import app
from rookery.dataset.readings import SHIPPED_FILE
from rookery.publisher.commands.renamed_options import RENAMED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HEAVY = ("aiohttp", "google.cloud", "grpc", "numpy", "prometheus_client", "pydantic", "rich", "xgboost")


def every_command() -> Iterator[tuple[str, ...]]:
    """Walk the tree of commands, groups too."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop()
        yield path
        waiting += [
            ((*path, name), each)
            for name, each in getattr(command, "commands", {}).items()
            if not each.hidden
        ]


def rookery(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with nothing of this environment's Rookery settings."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("ROOKERY_", "PUBSUB_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "rookery", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env={**clean, **(environment or {})},
    )


@pytest.mark.parametrize("path", sorted(every_command()), ids=lambda path: " ".join(path) or "rookery")
def test_every_help_shows_an_example(path: tuple[str, ...]) -> None:
    """Every help shows an example to copy, and it begins with this very command."""
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0
    assert f"rookery {' '.join(path)}".strip() in " ".join(shown.output.partition("Example:")[2].split())


def test_help_imports_nothing_heavy() -> None:
    """`rookery --help` pays for the frame only: half a second's imports stay where they are used."""
    asked = f"import sys, rookery.cli; print([name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_version_is_said() -> None:
    """`rookery --version` says name and version."""
    assert CliRunner().invoke(app, ["--version"]).output.split()[0] == "rookery"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fly",), "No such command"),
        (("serve", "--port", "many"), "--port"),
        (("setup", "--topic", "x"), "no topic"),
        (("setup", "--broker", "127.0.0.1:1"), "does not answer at 127.0.0.1:1"),
        (
            ("setup", "--push-to", "http://127.0.0.1:80800/"),
            "--push-to 'http://127.0.0.1:80800/' cannot be pushed to",
        ),
        (("setup", "--push-to", "http://${HOST}:${PORT}/"), "cannot be pushed to"),
        (("setup", "--push-to", "http://[::1/"), "cannot be pushed to"),
        (("demo", "--use-emulator", "127.0.0.1:1", "--results", "{tmp}"), "does not answer at 127.0.0.1:1"),
        (("demo", "--results", "/proc/demo"), "cannot be made"),
        (("publish", "csv", "/nowhere.csv"), "/nowhere.csv"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else each,
)
def test_an_error_is_one_sentence(
    arguments: tuple[str, ...], said: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Exit code 2 and a sentence with the reason; a traceback never."""
    tmp = str(tmp_path_factory.mktemp("demo"))
    shown = rookery(*(each.replace("{tmp}", tmp) for each in arguments))
    assert shown.returncode == 2
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_missing_model_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A demo whose model cannot be read says so, ends its children, and exits with 2."""
    tmp = tmp_path_factory.mktemp("demo")
    shown = rookery("demo", "--results", str(tmp), environment={"ROOKERY_MODEL": "/nowhere.ubj"})
    assert shown.returncode == 2
    assert "/nowhere.ubj" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("former", "arguments"),
    [
        ("--give-up-s", ("publish", "reading", "--body-mass-g", "4000", "--dry-run", "--give-up-s", "5")),
        ("--beside", ("publish", "csv", "{penguins}", "--dry-run", "--beside", "{tmp}")),
        ("--singles", ("publish", "csv", "{penguins}", "--dry-run", "--singles")),
        ("--gaps", ("simulate", "--dry-run", "--count", "1", "--gaps=0.5")),
        ("--cap", ("load", "--shape", "none", "--cap", "1")),
        ("--peak", ("load", "--shape", "none", "--peak", "1")),
        ("--drop-one-in", ("load", "--shape", "none", "--drop-one-in", "1")),
        ("--keep", ("demo", "--results", "/proc/demo", "--keep")),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_renamed_option_still_works_under_its_former_name(
    former: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """A former name does the same as the new one for one version, and prints one deprecation line on standard error."""
    given = [each.format(tmp=tmp_path, penguins=SHIPPED_FILE) for each in arguments]
    new = RENAMED[former]
    deprecation = f"{former} is deprecated and goes in 0.2: use {new}.\n"
    shown = {name: rookery(*(each.replace(former, name) for each in given)) for name in (former, new)}
    assert shown[former].stderr.replace(deprecation, "", 1) == shown[new].stderr
    assert shown[former].stderr.count("deprecated") == 1
    assert shown[former].returncode == shown[new].returncode
    assert "No such option" not in shown[new].stderr


def test_every_former_name_is_tested_and_hidden() -> None:
    """No help names a former option, and each of them has a command that takes the new one."""
    commands = [typer.main.get_command(app)]
    known: set[str] = set()
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        known |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert not known & RENAMED.keys()
    assert set(RENAMED.values()) <= known


def test_a_former_name_behind_two_dashes_is_an_argument() -> None:
    """Arguments behind `--` are never replaced."""
    shown = CliRunner().invoke(app, ["publish", "csv", "--dry-run", "--", "--singles"])
    assert "deprecated" not in shown.output
    assert "--singles" in shown.output
