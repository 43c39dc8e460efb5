"""The documents, taken literally: their commands run or say why not, their options exist, their links lead somewhere."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from rookery.cli import app
from rookery.environment import process as child
from rookery.environment.provision import clients
from rookery.publisher.commands.feature_options import FeatureOptions, option_of
from rookery.publisher.topics import LOCAL_TOPIC
from rookery.schemas.contract.default import default_contract
from tools.reference import documents as reference

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
FOUND = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS = [path for path in FOUND if "decisions" not in path.parts and path.name != "CHANGELOG.md"]
"""Every document for people; decisions and changes are of their day and are not kept in step."""

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run|stays): (?P<why>[^>]+) -->\n)?^```(?P<kind>[a-z]+)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block. `stays` is the port that its program listens on, `not_run` the reason why it is not run here."""

    kind: str
    text: str
    stays: int | None
    not_run: str | None

    @property
    def commands(self) -> str:
        """The command lines: those after a `$` where there is one, else all."""
        prompted = re.findall(r"^\$ (.*)$", self.text, flags=re.MULTILINE)
        return "\n".join(prompted) or self.text


def blocks(path: Path, *kinds: str) -> list[Block]:
    """The fenced blocks of some kinds in order."""
    return [
        Block(
            kind=each["kind"],
            text=each["text"],
            stays=int(each["why"]) if each["mark"] == "stays" else None,
            not_run=each["why"] if each["mark"] == "not run" else None,
        )
        for each in _BLOCK.finditer(path.read_text())
        if each["kind"] in kinds
    ]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


RUN = [path for path in DOCUMENTS if any(not each.not_run for each in blocks(path, "sh", "console"))]


def script(path: Path, place: Path) -> str:
    """A document's commands as one script in a network of its own, so that no port is anybody else's."""
    lines = ["set -eu", "ip link set lo up", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for each in blocks(path, "sh", "console"):
        if each.not_run:
            continue
        commands = each.commands.strip().replace("/tmp/rookery", str(place / "rookery"))  # noqa: S108  the document's, not ours
        if each.stays is None:
            lines.append(commands)
            continue
        listening = f"(exec 3<>/dev/tcp/127.0.0.1/{each.stays}) 2>/dev/null"
        lines += [f"{commands} &", f"for i in $(seq 300); do {listening} && break; sleep 0.1; done"]
    return "\n".join([*lines, "echo all done"])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", RUN, ids=name)
def test_every_command_runs(path: Path, tmp_path: Path, network_namespace: list[str]) -> None:
    """In order, in a folder like the checkout, each command of a document succeeds."""
    (tmp_path / "data").mkdir()
    (tmp_path / ".venv").symlink_to(BIN.parent)
    shutil.copy(ROOT / "data" / "penguins.csv", tmp_path / "data")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*network_namespace, "bash", "-c", script(path, tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
        timeout=220,
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["all done"]), (
        f"{done.stdout[-500:]}\n{done.stderr[-2000:]}"
    )


def command_lines() -> Iterator[tuple[str, str]]:
    """Every command line of every document that the repository can know: in blocks, indented, or in `code`."""
    for path in DOCUMENTS:
        text = path.read_text()
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        fenced = [
            line
            for each in blocks(path, "sh", "console", "bash")
            for line in each.commands.replace("\\\n", " ").splitlines()
        ]
        indented = re.findall(r"^ {4,}(\S.*)$", prose, flags=re.MULTILINE)
        inline = re.findall(r"(?<!`)`([^`\n]+)`", prose)
        found = [known for line in [*fenced, *indented, *inline] for known in _known_commands(line)]
        yield from ((name(path), line) for line in dict.fromkeys(found))


def _known_commands(line: str) -> Iterator[str]:
    """The commands of a line whose words can be checked, without what stands before them."""
    for part in re.split(r" \| | && |;", re.split(r"  +#", line)[0].rstrip(" &")):
        plain = re.sub(r"^(?:\$ |sudo -u \S+ |[A-Z_]+=\S+ )*", "", part.strip())
        plain = re.sub(r"^(?:\.venv/bin/|/opt/rookery/bin/)", "", plain)
        if re.match(
            r"(?:rookery|make) [a-zA-Z-]|pip install '|python -m (?:rookery|benchmarks|tools)\b|deploy/\w+ ",
            plain,
        ):
            yield plain


@pytest.mark.parametrize(("path", "line"), list(command_lines()))
def test_every_command_line_is_one_that_exists(path: str, line: str) -> None:
    """Whether it is run here or not: the command is there with just these options, and so are target, module, script and extra."""
    words = shlex.split(line, comments=True)
    match words:
        case ["make", *_]:
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
            named = {word for word in words[1:] if "=" not in word and not word.startswith("-")}
            assert named <= set(targets), path
        case ["python", "-m", module, *_]:
            assert importlib.util.find_spec(module), path
        case ["pip", "install", *_, target]:
            extras = re.fullmatch(r"\.\[([a-z,]+|NAME,NAME)\]", target)
            assert extras, path
            assert set(extras[1].split(",")) <= {*EXTRAS, "NAME"}, path
        case ["rookery", *given]:
            _checked_options(path, line, given)
        case [script, *_]:
            assert os.access(ROOT / script, os.X_OK), path


def _checked_options(path: str, line: str, words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if words and words[0].isupper():
        return
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {
        "--help",
        "-h",
    }
    if isinstance(command, FeatureOptions):
        known |= {option_of(feature.name) for feature in default_contract().features}
    given = {word.split("=")[0] for word in words if word.startswith("--")}
    assert getattr(command, "ignore_unknown_options", False) or given <= known, (
        f"{path}: {line}: {given - known}"
    )
    assert not (hasattr(command, "commands") and words and not words[0].startswith("-")), f"{path}: {line}"


PYTHON = [path for path in DOCUMENTS if blocks(path, "python")]


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_every_python_snippet_runs(path: Path, tmp_path: Path) -> None:
    """One after the other, as one program, over a broker that knows their topic."""
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data" / "penguins.csv", tmp_path / "data")
    (tmp_path / "station" / "results" / "predictions").mkdir(parents=True)
    program = "\n".join(each.text for each in blocks(path, "python") if not each.not_run)
    if re.search(r"^(?:async|await) ", program, flags=re.MULTILINE):
        program = (
            f"import asyncio\nasync def main():\n{textwrap.indent(program, '    ')}\nasyncio.run(main())"
        )
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("__"):
            module = importlib.import_module(node.module)
            assert [each.name for each in node.names if not hasattr(module, each.name)] == []
    with child.broker(tmp_path) as broker:
        topics, _ = clients(broker.address())
        for topic in ("projects/my-project/topics/readings", LOCAL_TOPIC):
            topics.create_topic(name=topic)
        topics.transport.close()
        environment = {**os.environ, "PUBSUB_EMULATOR_HOST": broker.address()}
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
            timeout=50,
        )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [path for path in PYTHON if path.name != "broker.md"], ids=name)
def test_every_python_snippet_uses_the_public_face(path: Path) -> None:
    """Readers import every name of Rookery from `rookery` alone; only the broker's document shows a test's fixture."""
    program = ast.parse("\n".join(each.text for each in blocks(path, "python")))
    imported = [node.module or "" for node in ast.walk(program) if isinstance(node, ast.ImportFrom)]
    imported += [
        each.name for node in ast.walk(program) if isinstance(node, ast.Import) for each in node.names
    ]
    assert [module for module in imported if module.startswith("rookery.")] == []


@pytest.mark.parametrize("path", sorted(reference()))
def test_the_reference_is_the_codes(path: str) -> None:
    """Settings, formats, metrics and commands stand there as they are; `make reference` writes them anew."""
    assert (ROOT / "docs" / "reference" / path).read_text() == reference()[path], (
        "`make reference` writes it anew"
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    """No link points at a file that is not there."""
    links = re.findall(
        r"\]\((?!https?:|#)([^)#\s]+)", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    )
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_document_can_be_found() -> None:
    """The README or the index links to each."""
    known = (ROOT / "README.md").read_text() + (ROOT / "docs" / "README.md").read_text()
    missing = [
        path for path in DOCUMENTS if path.name not in known and path.name not in {"README.md", "index.md"}
    ]
    assert [name(path) for path in missing] == []


def test_every_path_of_the_glossary_exists() -> None:
    """The glossary's column of code names folders and files that are there."""
    named = re.findall(r"`([a-z_]+/[a-z_/]+(?:\.py)?)`", (ROOT / "docs" / "glossary.md").read_text())
    assert len(named) > 40
    assert [each for each in named if not (ROOT / each).exists()] == []
