"""`rookery results` and `rookery rejects`: what they print, and the times that they are given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from rookery.commands.rejects import app as rejects
from rookery.commands.results import app as results
from tests.rookery.results.stored_results import prediction, rejection, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_rejected_readings_are_listed_and_shown(tmp_path: Path) -> None:
    """With their reasons, filtered, each reading once, the original as text."""
    rejection(tmp_path, "a", b'{"body_mass_g": 3}', "at least 50 is needed")
    rejection(tmp_path, "b", b"\xff", "JSON is needed", device_id="d1")
    run: Callable[..., str] = lambda *words: CliRunner().invoke(rejects, [*words]).stdout  # noqa: E731
    assert run("list", str(tmp_path)).count("\n") == 2
    assert run("list", str(tmp_path), "--reason", "LEAST 50") == (
        "2026-11-22 12:30:00  a  body_mass_g: at least 50 is needed\n"
    )
    assert " b " in run("list", str(tmp_path), "--device", "d1")
    assert run("list", str(tmp_path), "--since", "2026-11-23") == ""
    shown = run("show", str(tmp_path), "b")
    assert json.loads(shown[: shown.rindex("}") + 1])["message_id"] == "m-b"
    assert shown.endswith("\\xff\n")


STEERING = "\x1b[2J\x1b]0;owned\x07\r\nforged [bold]\x9b31m\u202egnp"


def test_no_reading_controls_the_terminal(tmp_path: Path) -> None:
    """Ids, devices, fields, reasons and originals are escaped in every output, and never parsed as style."""
    rejection(tmp_path / "rejections", "reading", STEERING.encode(), STEERING, device_id=STEERING)
    file = tmp_path / "rejections/date=2026-11-22/hour=12/reading.ndjson"
    file.write_text(file.read_text().replace('"reading"', json.dumps(STEERING)))
    written(tmp_path / "predictions", [prediction("b", device_id=STEERING, model=STEERING)])
    shown = {
        ("list", "rejections"): CliRunner().invoke(rejects, ["list", str(tmp_path / "rejections")]),
        ("show", "rejections"): CliRunner().invoke(rejects, ["show", str(tmp_path / "rejections"), STEERING]),
        ("replay", "rejections"): CliRunner().invoke(
            rejects, ["replay", str(tmp_path / "rejections"), "--dry-run"]
        ),
        ("summary", "predictions"): CliRunner().invoke(
            results, ["summary", str(tmp_path / "predictions")], env={"COLUMNS": "200"}
        ),
    }
    for command, ran in shown.items():
        assert not isinstance(ran.exception, UnicodeError), command
        assert all(line.isprintable() for line in ran.output.split("\n")), command
        assert r"\x1b[2J" in ran.output, command
        assert "[bold]" in ran.output, command
    assert shown["list", "rejections"].stdout.count("\n") == 1


NO_TIMES = [
    "20261122",
    "2026",
    "2026-11-22T12:00",
    "2026-11-22T12:00:00",
    "2026-W47-7",
    "\uff11",
    "2026-1-2",
    "2026-02-30",
    "",
]


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("text", [*NO_TIMES, "\u0662\u0660\u0662\u0666-11-22", " 2026-11-22", "2026-11-22 "])
def test_a_time_of_an_option_is_one_by_rfc_3339_or_is_refused(tmp_path: Path, option: str, text: str) -> None:
    """Digits, other scripts, weeks, and moments that may be anywhere on the earth are no day and no moment."""
    rejection(tmp_path / "rejections", "a", b"{}", "no rule")
    written(tmp_path / "predictions", [prediction("b")])
    for app, command, place in ((rejects, "list", "rejections"), (results, "summary", "predictions")):
        ran = CliRunner().invoke(app, [command, str(tmp_path / place), option, text])
        assert ran.exit_code == 2
        assert "needed" in ran.stderr or "out of range" in ran.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-22", 1),
        ("2026-11-23", 0),
        ("2026-11-22T12:30:00Z", 1),
        ("2026-11-22T13:30:00+01:00", 1),
        ("2026-11-22 12:30:01z", 0),
    ],
)
def test_a_moment_of_an_option_is_where_its_offset_says(tmp_path: Path, text: str, found: int) -> None:
    """A day begins with its first moment in UTC."""
    rejection(tmp_path, "a", b"{}", "no rule")
    ran = CliRunner().invoke(rejects, ["list", str(tmp_path), "--since", text])
    assert (ran.exit_code, ran.stderr) == (0, f"{found} readings\n")
