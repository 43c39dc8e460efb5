"""The runbook against the code: every alert has its section; every command, file, setting and metric exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from rookery.cli import app
from rookery.worker.http.responses import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
ALERTS = re.findall(
    r'title\s*= "([^"]+)"\n\s*says', (ROOT / "deploy" / "terraform" / "alerts.tf").read_text()
)
HEADINGS = re.findall(r"^#+ (.+)$", RUNBOOK, flags=re.MULTILINE)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_section(alert: str) -> None:
    """A section of the alert's own name says what it means, what to check and what to do."""
    assert len(ALERTS) == 9
    section = RUNBOOK.partition(f"### {alert}\n")[2].split("\n##")[0]
    assert re.search(r"^\*.+", section.strip())
    assert "1. " in section


def test_a_full_queue_is_found_under_the_class_of_its_status() -> None:
    """Pub/Sub counts 429 as `remote_server_4xx`; the runbook does not send anyone to the 5xx."""
    section = RUNBOOK.partition("### Ack share\n")[2].split("\n##")[0]
    assert f"`remote_server_{FULL // 100}xx` of {FULL}" in section


def test_settings_that_need_a_release_say_so() -> None:
    """Where the runbook changes the template by Terraform, a release follows; the bound of instances needs none."""
    assert RUNBOOK.count("`deploy/release deploy --image IMAGE`") >= 2
    for heading in ("### Backlog age", "### Push latency"):
        section = RUNBOOK.partition(f"{heading}\n")[2].split("\n##")[0]
        assert "takes effect at once" in section


def test_every_command_exists() -> None:
    """`rookery ...` is a command, and every option that is named beside it is one of its own."""
    commands = [found for each in code() if (found := re.match(r"rookery ((?:[a-z]+ ?)+)(.*)", each))]
    assert len(commands) > 10
    for found in commands:
        command: Any = typer.main.get_command(app)
        for word in found[1].split():
            if not hasattr(command, "commands"):
                break
            assert word in command.commands, found[0]
            command = command.commands[word]
        options = {option for each in command.params for option in each.opts}
        assert set(re.findall(r"--[a-z-]+", found[2])) <= options, found[0]


def code() -> list[str]:
    """The text in backquotes or indented."""
    return [
        *re.findall(r"`([^`\n]+)`", RUNBOOK),
        *(line.strip() for line in re.findall(r"^    .+$", RUNBOOK, flags=re.MULTILINE)),
    ]


def test_every_file_exists() -> None:
    """Paths in backquotes and in links are there."""
    named = {each for each in code() if re.fullmatch(r"(?!roles/)(?:[\w.-]+/)+[\w.-]+|Dockerfile", each)}
    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).exists()] == []
    linked = re.findall(r"\]\(([^)#]+)\)", RUNBOOK)
    assert [path for path in linked if not (ROOT / "docs" / path).exists()] == []


def test_every_link_within_leads_somewhere() -> None:
    """An anchor is a heading."""
    anchors = {heading.lower().replace(" ", "-") for heading in HEADINGS}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_every_setting_and_metric_exists(
    worker_variables: set[str], named_settings: Callable[[str], set[str]]
) -> None:
    """A setting or metric that was renamed is not looked for in vain at night."""
    assert named_settings(RUNBOOK) <= worker_variables
    metrics = "".join(file.read_text() for file in (ROOT / "worker").rglob("*metrics.py"))
    for metric in set(re.findall(r"\brookery_[a-z_]*[a-z]\b", RUNBOOK)):
        assert f'"{metric.removesuffix("_total")}"' in metrics, metric


def test_every_make_target_exists() -> None:
    """`make ...` is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", RUNBOOK)) <= targets


def test_every_check_of_the_deployment_is_a_test() -> None:
    """The table of checks has every finding, and names tests that exist."""
    section = RUNBOOK.partition("## Checks of the deployment\n")[2].split("\n## ")[0]
    rows = re.findall(r"^\| F(\d+): .* \| `[^|]*::test_[^|]*` \|$", section, flags=re.MULTILINE)
    assert [int(each) for each in rows] == [*range(1, 25)]
    named = re.findall(r"`([\w./]*test_\w+\.py)::(test_\w+)`", section)
    assert len(named) > 20
    tests = ROOT / "tests" / "deploy"
    assert [name for file, name in named if f"def {name}(" not in (tests / file).read_text()] == []


def test_the_capacity_is_terraforms() -> None:
    """The table's values are the defaults of variables.tf."""
    variables = (ROOT / "deploy" / "terraform" / "variables.tf").read_text()
    for name in ("concurrency", "min_instances", "max_instances"):
        (default,) = re.findall(rf'variable "{name}" {{.*?default\s*= (\d+)', variables, flags=re.DOTALL)
        assert f"| `{name}` | {default} |" in RUNBOOK
