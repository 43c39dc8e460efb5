"""The README, taken literally: it is short, its commands and links exist; and the examples of messages decode."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import typer.main

from rookery.cli import app
from rookery.schemas.codec import DecodedTable, decode
from rookery.schemas.prediction import Prediction
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import Rejection

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MESSAGES = (ROOT / "docs" / "reference" / "messages.md").read_text()


def example(kind: str) -> bytes:
    (found,) = re.findall(rf"^```json {kind}\n(.*?)^```$", MESSAGES, flags=re.MULTILINE | re.DOTALL)
    return str(found).encode()


def test_the_readme_is_short() -> None:
    """The README has at most 150 lines; the first 50 have the installation, the demo, Python and its own picture."""
    lines = README.splitlines()
    assert len(lines) <= 150
    first = "\n".join(lines[:60])
    for needed in (
        "make install",
        "pip install '.[all]'",
        "make demo",
        "import pandas as pd, rookery",
        "<picture>",
    ):
        assert needed in first
    assert re.findall(r"(?:src|srcset)=\"(?!docs/)|!\[[^]]*\]\((?!docs/)", README) == []


def test_the_examples_decode() -> None:
    """A reading, a table, a prediction and a rejection, just as they are printed."""
    reading = decode(example("reading"))
    assert isinstance(reading, Reading)
    assert None not in reading.model_dump().values()
    table = decode(example("table"))
    assert isinstance(table, DecodedTable)
    assert list(table.positions) == [0, 1, 2]
    prediction = Prediction.model_validate_json(example("prediction"))
    assert prediction.reading_id == reading.reading_id
    assert {*Prediction.model_fields, prediction.target} == prediction.model_fields_set
    assert (
        Rejection.model_fields.keys() == Rejection.model_validate_json(example("rejection")).model_fields_set
    )


def test_the_commands_exist() -> None:
    """Every `rookery` line is a command with just these options; every `make` line a target."""
    lines = re.findall(r"^\.venv/bin/rookery (.+)$", README, flags=re.MULTILINE)
    assert lines
    for line in lines:
        command: Any = typer.main.get_command(app)
        words = shlex.split(line)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        assert not hasattr(command, "commands"), line
        options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, line
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", README, flags=re.MULTILINE)) <= targets


def test_every_link_leads_somewhere() -> None:
    """No link points at a file that is not there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
