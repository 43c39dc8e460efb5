"""GitHub's workflows against their schema and the tree: targets, paths, options and versions exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.release_notes import release_notes

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RUNS = [
    line.strip()
    for file in FILES
    for job in yaml.safe_load(file.read_text())["jobs"].values()
    for step in job["steps"]
    for line in step.get("run", "").replace("\\\n", " ").splitlines()
]


def check(schema: str, *files: Path) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", schema, *map(str, files)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_schemas_hold() -> None:
    """GitHub would accept the workflows, Dependabot's settings and the forms of issues as they are."""
    assert len(FILES) == 4
    check("vendor.github-workflows", *FILES)
    forms = ROOT / ".github" / "ISSUE_TEMPLATE"
    check("vendor.github-issue-forms", forms / "bug.yml", forms / "feature.yml")
    check("vendor.github-issue-config", forms / "config.yml")
    check("vendor.dependabot", ROOT / ".github" / "dependabot.yml")


def test_every_make_target_exists() -> None:
    """Every target that a workflow makes is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    made = {word for run in RUNS if run.startswith("make ") for word in run.split()[1:] if "=" not in word}
    assert made == {"check", "dist", "test", "lock", "lock-terraform"}
    assert made <= targets


def test_every_path_exists() -> None:
    """Programs, locks and folders that are named are there."""
    named = {
        word for run in RUNS for word in re.findall(r"(?:^|[ =])((?:requirements|deploy)/[\w./-]+)", run)
    }
    assert {"deploy/release", "deploy/terraform", "requirements/worker.txt"} <= named
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert any("/opt/rookery/healthcheck.py" in run for run in RUNS)
    assert "/opt/rookery/healthcheck.py" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("verb", ["deploy", "rollback"])
def test_the_release_is_called_with_options_that_it_has(verb: str) -> None:
    """A dry run with the workflow's own words goes through."""
    (run,) = [each for each in RUNS if each.startswith(f"deploy/release {verb} ")]
    words = [re.sub(r'"\$(\w+)"', r"\1", word) for word in run.split()[1:]]
    ran = subprocess.run(
        [str(ROOT / "deploy" / "release"), *words, "--dry-run"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_the_versions_are_those_that_the_project_promises() -> None:
    """Every Python that is named among the classifiers is tested, and no other."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = [line.split(" :: ")[-1] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)]
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == promised


def test_settings_that_the_image_is_run_with_exist(worker_variables: set[str]) -> None:
    """CI's own run of the image uses the worker's variables."""
    given = {name for run in RUNS for name in re.findall(r"--env (\w+)=", run)}
    assert given
    assert given <= worker_variables


def test_tokens_may_do_little() -> None:
    """Only the workflows that open a pull request or publish may write, and only the release may ask for an identity."""
    rights = {file.stem: yaml.safe_load(file.read_text())["permissions"] for file in FILES}
    assert rights["ci"] == {"contents": "read"}
    assert rights["release"] == {"contents": "read", "id-token": "write"}
    assert rights["packages"] == {"contents": "write", "packages": "write"}
    assert "secrets." not in "".join(file.read_text() for file in FILES)


def test_a_tag_is_published_only_where_version_and_changelog_agree() -> None:
    """The notes of a release are its section; another version, or a section without a date, ends the workflow."""
    project, changelog = (ROOT / "pyproject.toml").read_text(), (ROOT / "CHANGELOG.md").read_text()
    version = tomllib.loads(project)["project"]["version"]
    notes = release_notes(f"v{version}", project, changelog)
    assert notes.startswith("### ")
    assert "\n## [" not in notes
    with pytest.raises(ValueError, match=f"the version {version}"):
        release_notes("v9.9.9", project, changelog)
    with pytest.raises(ValueError, match="no section"):
        release_notes(f"v{version}", project, changelog.replace(f"[{version}] - 2", f"[{version}] 2"))


def test_a_release_is_built_before_it_is_published() -> None:
    """Checks, packages and notes come before the first step that writes anywhere; the tag is never made by the workflow."""
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "packages.yml").read_text())["jobs"]["packages"]
    runs = [each["run"] for each in job["steps"] if "run" in each]
    assert runs[0] == "make check test dist"
    first_write = next(nth for nth, run in enumerate(runs) if "docker push" in run or "gh release" in run)
    assert any("tools.release_notes" in run for run in runs[:first_write])
    assert "--verify-tag" in runs[-1]


def cloud_build(build: dict[str, Any], folder: Path) -> list[str]:
    """Run the one step as Cloud Build does, with a docker that says what it was asked for; gives its words."""
    (step,) = build["steps"]
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    docker.chmod(0o755)
    chosen = {"_IMAGE": "registry/worker:5afe", "_REVISION": "5afe"}
    script = re.sub(
        r"\$(\$|_[A-Z]+)",
        lambda found: "$" if found[1] == "$" else chosen[found[1]],
        step["args"][1],
    )
    words = [step["entrypoint"], step["args"][0], script]
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    ran = subprocess.run(words, cwd=ROOT, env=path, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


def test_the_base_of_a_release_comes_from_googles_copy_of_docker_hub(tmp_path: Path) -> None:
    """Docker Hub bounds the pulls of Cloud Build's addresses; the copy is asked for the Dockerfile's own digest."""
    build = yaml.safe_load((ROOT / "deploy" / "cloudbuild.yaml").read_text())
    (base,) = [each for each in cloud_build(build, tmp_path) if each.startswith("--build-arg=BASE=")]
    (own,) = re.findall(r"^FROM docker\.io/(\S+) AS python$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base == f"--build-arg=BASE=mirror.gcr.io/{own}"


def test_the_build_file_builds_the_workers_image(tmp_path: Path) -> None:
    """Cloud Build builds the stage that is shipped, with the substitutions that the release gives."""
    build = yaml.safe_load((ROOT / "deploy" / "cloudbuild.yaml").read_text())
    arguments = cloud_build(build, tmp_path)
    assert arguments[0] == "build"
    assert {"--target=worker", "--build-arg=REVISION=5afe", "--tag=registry/worker:5afe"} <= set(arguments)
    assert "FROM ${RUNTIME} AS worker" in (ROOT / "Dockerfile").read_text()
    assert "ARG REVISION" in (ROOT / "Dockerfile").read_text()
    build_command = (ROOT / "deploy" / "bluegreen" / "image_build.py").read_text()
    assert all(f"{name}=" in build_command for name in build["substitutions"])


def test_actions_are_pinned_by_digest_and_named_by_version() -> None:
    """No tag that moves runs in a workflow; the comment is what Dependabot keeps up to date."""
    used = [line.strip() for file in FILES for line in file.read_text().splitlines() if "uses:" in line]
    assert len(used) > 10
    assert [
        each for each in used if not re.search(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", each)
    ] == []


RUNS_ON_NODE_24 = {
    "actions/checkout": 5,
    "actions/setup-java": 5,
    "actions/setup-python": 6,
    "actions/upload-artifact": 6,
    "google-github-actions/auth": 3,
    "google-github-actions/setup-gcloud": 3,
    "hashicorp/setup-terraform": 4,
    "peter-evans/create-pull-request": 8,
}
"""The first major version of each action that runs on Node 24; GitHub's runners have no Node 20 any more."""


def test_actions_run_on_a_node_that_runners_have() -> None:
    """Every action is of a version that GitHub's runners can still run."""
    text = "".join(file.read_text() for file in FILES)
    # The oldest of each: not only its last use counts.
    found = sorted(re.findall(r"uses: ([\w./-]+)@\w+ # v(\d+)\.", text), key=lambda use: -int(use[1]))
    used = {name: int(major) for name, major in found}
    assert used.keys() - RUNS_ON_NODE_24.keys() == {"bridgecrewio/checkov-action"}, "it runs in a container"
    assert [name for name, first in RUNS_ON_NODE_24.items() if used[name] < first] == []


def test_no_job_keeps_its_token_in_the_clone() -> None:
    """A step after the checkout finds no credentials in `.git/config`."""
    for file in FILES:
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            steps = [each for each in job["steps"] if each.get("uses", "").startswith("actions/checkout@")]
            assert [each for each in steps if each.get("with") != {"persist-credentials": False}] == []


def test_the_provider_is_locked_by_a_workflow_and_checked_by_ci() -> None:
    """The weekly pull request writes the provider's hashes for every platform; with them CI takes no other provider."""
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "locks.yml").read_text())["jobs"]["upgrade"][
        "steps"
    ]
    order = [each.get("uses", "").split("@")[0] or each["run"] for each in steps]
    for before, after in pairwise(
        ("hashicorp/setup-terraform", "make lock-terraform", "peter-evans/create-pull-request")
    ):
        assert order.index(before) < order.index(after)
    recipe = (ROOT / "Makefile").read_text().partition("\nlock-terraform:")[2].partition("\n\n")[0]
    assert "providers lock" in recipe
    assert all(platform in recipe for platform in ("linux_amd64", "darwin_arm64", "windows_amd64"))
    assert "test ! -f .terraform.lock.hcl || locked=-lockfile=readonly" in RUNS
    assert ".terraform.lock.hcl" not in (ROOT / ".gitignore").read_text()


def test_dependabot_can_follow_the_base_image() -> None:
    """The base is a literal name with a digest: Dependabot does not read a name out of an argument."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(
        r"^FROM docker\.io/library/python:3\.11-[\w-]+@sha256:[0-9a-f]{64} AS python$",
        dockerfile,
        re.MULTILINE,
    )
    assert "ARG BASE=python\n" in dockerfile
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"github-actions", "docker", "terraform"}


def test_a_release_builds_only_the_stages_of_its_image() -> None:
    """Cloud Build's docker uses BuildKit, which skips the stages that the worker's image does not need."""
    (step,) = yaml.safe_load((ROOT / "deploy" / "cloudbuild.yaml").read_text())["steps"]
    assert step["env"] == ["DOCKER_BUILDKIT=1"]
