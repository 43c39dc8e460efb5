"""Every gcloud command of documents, doctor, build and release, run by the installed gcloud against an API that refuses.

A command is accepted where gcloud understood it and asked Google for it; each API stands on loopback and answers 403.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.real_gcloud import assert_accepted

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PLACEHOLDERS: Final = {
    "ACCOUNT": "rookery-push@my-project.iam.gserviceaccount.com",
    "BUCKET": "my-bucket",
    "IMAGE": "europe-west1-docker.pkg.dev/my-project/rookery/worker:first",
    "OBJECT": "predictions/date=2026-11-26/hour=12/0a.ndjson.gz#1",
    "PROJECT": "my-project",
    "PROJECT_NUMBER": "123456789012",
    "REGION": "europe-west1",
    "SECONDS": "60",
    "TIME": "2026-11-26T12:00:00Z",
    "URL": "https://worker.example/",
}
VALUES: Final = {
    "_AGENT": "@gcp-sa-pubsub.iam.gserviceaccount.com",
    "bucket": "my-bucket",
    "case.subscription": "projects/my-project/subscriptions/readings-worker",
    "endpoint": "https://worker.example/",
    "kept(push)": " --push-auth-service-account=rookery-push@my-project.iam.gserviceaccount.com",
    "root": "https://worker.example/",
    "subscription.name": "projects/my-project/subscriptions/readings-worker",
    "token(push)": " --push-auth-token-audience=https://worker.example",
    "topic": "projects/my-project/topics/readings",
}
"""The names that doctor's hints are formatted with; tests/deploy/test_deployment_hints.py prints those of deployments."""


def filled(command: str) -> str:
    """A command with values in place of its placeholders and of Terraform's outputs."""
    command = re.sub(
        r'"?\$\(terraform output -raw \w+\)([^"\s]*)"?', r"gs://my-bucket/predictions\1", command
    )
    return re.sub(r"[A-Z][A-Z_]+(?![A-Z_=])", lambda found: PLACEHOLDERS.get(found[0], found[0]), command)


def of_documents() -> Iterator[str]:
    """Commands in backquotes and in blocks of code; a backslash continues a line."""
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "deploy/terraform/README.md",
        ROOT / "deploy/cloudbuild.yaml",
    ]
    for file in files:
        text = file.read_text().replace("\\\n", " ")
        yield from (each.split("  #")[0] for each in re.findall(r"^ *(gcloud .+)$", text, flags=re.MULTILINE))
        yield from re.findall(r"`(gcloud [^`\n]+)`", text)


def of_doctor() -> Iterator[str]:
    """Commands in the hints of doctor's findings, each up to the end of its string."""
    for file in (ROOT / "rookery" / "doctor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            text = ""
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            elif isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(part.value)
                    if isinstance(part, ast.Constant)
                    else VALUES.get(ast.unparse(part.value), "?")
                    for part in node.values
                    if isinstance(part, ast.Constant | ast.FormattedValue)
                )
            command = text[text.find("gcloud ") :] if "gcloud " in text else ""
            # A piece of a formatted string is found again as a constant, without its end.
            if command and not command.endswith((" ", "=", "://")):
                yield command


def of_the_release() -> Iterator[str]:
    """Commands that a dry run of each verb prints."""
    for verb in ("deploy", "rollback"):
        ran = subprocess.run(
            [str(ROOT / "deploy" / "release"), verb, "--project=my-project", "--dry-run"],
            env={**os.environ, "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = ran.stdout.splitlines()
        yield from (line.removeprefix("+ ") for line in lines if line.startswith("+ gcloud "))


def commands() -> list[str]:
    """All of them, each kind once: same words and options, whatever their values."""
    found = {}
    for command in (*of_documents(), *of_doctor(), *of_the_release()):
        whole = filled(command)
        if (
            len(whole.split()) > 2
            and "print-access-token" not in whole
            and "auth application-default" not in whole
        ):
            kind = " ".join(
                word.split("=")[0]
                for word in shlex.split(whole)
                if not re.search(r"[/:.@]", word.split("=")[0])
            )
            found.setdefault(kind, whole)
    return sorted(found.values())


COMMANDS: Final = commands()


def test_the_commands_are_found() -> None:
    """Documents, doctor, build and release are all read."""
    text = "\n".join(COMMANDS)
    for part in (
        "services enable",
        "builds submit",
        "storage restore",
        "subscriptions seek",
        "modify-push-config",
    ):
        assert part in text
    for part in (
        "--max-delivery-attempts",
        "--push-auth-service-account",
        "update-traffic",
        "images describe",
    ):
        assert part in text
    assert "?" not in text, "doctor formats a hint with a name that has no value here"


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command.split()[1:4]))
def test_gcloud_accepts_the_command(tmp_path: Path, command: str) -> None:
    """Gcloud understands the command: it asks Google for it, or changes its own configuration."""
    assert_accepted(tmp_path, command)
