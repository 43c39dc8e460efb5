"""The reference: settings, formats, metrics and command line as Markdown, written into docs/reference by `make reference`."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer.main

from rookery import errors
from rookery.cli import app
from rookery.schemas.output import spreadsheet
from rookery.schemas.prediction import Prediction
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import Reason, Rejection
from rookery.schemas.table import ReadingTable
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.drift import Drift
from rookery.worker.observability.metrics import Metrics
from rookery.worker.pull.pull_metrics import PullMetrics
from tools.settings_table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

_WRITTEN: Final = "<!-- written by `make reference` from the code -->\n\n"


def documents() -> dict[str, str]:
    """Every document of the reference by its file's name."""
    return {
        "settings.md": f"# The worker's settings\n\n{_WRITTEN}{table()}",
        "formats.md": _formats(),
        "metrics.md": _metrics(),
        "command-line.md": _command_line(),
    }


def _formats() -> str:
    units = "JSON everywhere; times are RFC 3339 in UTC, lengths in millimetres, masses in grams."
    models: tuple[type[BaseModel], ...] = (Reading, ReadingTable, Prediction, Rejection, Reason)
    described = "".join(
        f"\n## {each.__name__}\n\n{inspect.cleandoc(each.__doc__ or '')}\n\n{_fields(each)}"
        for each in models
    )
    cells = f"\n## Cells of CSV files\n\n{inspect.cleandoc(spreadsheet.__doc__ or '')}\n"
    return f"# Formats\n\n{_WRITTEN}{units}\n{described}{cells}"


def _fields(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    needed = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_type(field)} | {'yes' if name in needed else ''} |"
        for name, field in schema["properties"].items()
    ]
    return "\n".join(["| field | what it may be | needed |", "|---|---|---|", *rows]) + "\n"


def _type(field: dict[str, Any]) -> str:
    """The allowed values of a field of a JSON schema, in words."""
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("type") == "array":
        return f"array of ({_type(field['items'])})"
    words = " ".join(filter(None, [field.get("type", "anything"), field.get("format")]))
    bounds = [
        f"{sign} {field[key]:g}"
        for key, sign in (("minimum", ">="), ("maximum", "<="), ("exclusiveMinimum", ">"))
        if key in field
    ]
    return f"{words} {', '.join(bounds)}".strip()


def _metrics() -> str:
    rows = [f"| `{name}` | {kind} | {' '.join(words.split())} |" for name, kind, words in sorted(_families())]
    head = "| metric | kind | |\n|---|---|---|\n"
    return (
        f"# Metrics\n\n{_WRITTEN}How to read them: [metrics](../howto/metrics.md).\n\n{head}"
        + "\n".join(rows)
        + "\n"
    )


def _families() -> Iterator[tuple[str, str, str]]:
    """The metrics that a scrape of a fresh worker describes."""
    metrics = Metrics()
    PullMetrics(metrics.registry, metrics.failures)
    metrics.drift(Drift(1, lambda: load(SHIPPED).card))
    name = words = ""
    for line in metrics.render().decode().splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
        elif line.startswith("# TYPE ") and not name.startswith("process_"):
            yield name, line.rpartition(" ")[2], words


def _command_line() -> str:
    codes = (errors.__doc__ or "").partition("\n\n")[2]
    parts = [f"# The command line\n\n{_WRITTEN}## Exit codes\n\n{codes}"]
    for words, command in _commands(typer.main.get_command(app), ["rookery"]):
        help_ = inspect.cleandoc(command.help or "").replace("\f", "")
        parts.append(f"## {' '.join(words)}\n\n{_example(help_)}\n\n{_options(command)}")
    return "\n".join(parts)


def _commands(command: Any, words: list[str]) -> Iterator[tuple[list[str], Any]]:
    nested = getattr(command, "commands", None)
    if nested is None:
        yield words, command
        return
    for name, each in nested.items():
        yield from _commands(each, [*words, name])


def _example(words: str) -> str:
    before, found, example = words.partition("Example: ")
    return f"{before.strip()}\n\n    {example.strip()}" if found else words


def _options(command: Any) -> str:
    rows = [_option(each) for each in command.params if not getattr(each, "hidden", False)]
    return "\n".join(["| | | default |", "|---|---|---|", *rows]) + "\n"


def _option(parameter: Any) -> str:
    if parameter.param_type_name == "option":
        names = ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))
    else:
        names = f"`{str(parameter.metavar or parameter.name).upper()}`"
    words = str(getattr(parameter, "help", "") or "").replace("|", "\\|")
    default = parameter.default
    shown = (
        ""
        if default in (None, False, ..., ()) or callable(default)
        else f"`{json.dumps(str(default))[1:-1]}`"
    )
    return f"| {names.replace('|', chr(92) + '|')} | {words} | {shown} |"


def write(folder: Path) -> None:
    """Write every document into a folder."""
    for name, text in documents().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
