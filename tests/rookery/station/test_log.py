"""One log of all programs."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from rookery.errors import UserError
from rookery.station import log as module
from rookery.station.log import StationLog


def test_a_line_names_its_program_and_keeps_its_json(tmp_path: Path) -> None:
    """Behind the name a line is as its program wrote it; the name stands once."""
    line = json.dumps({"severity": "INFO", "message": "ready: %s é"}, ensure_ascii=False)
    with StationLog(tmp_path / "log", stream=(stream := io.StringIO())) as log:
        log.write("worker", line)
        log.write("broker", "broker: ended")
    first, second = stream.getvalue().splitlines()
    assert first == f"worker: {line}"
    assert second == "broker: ended"
    assert [each.split(" ", 1)[1] for each in (tmp_path / "log").read_text().splitlines()] == [first, second]


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full file gets a number, and the oldest ones go."""
    monkeypatch.setattr(module, "FILE_BYTES", 1_000)
    with StationLog(tmp_path / "log", stream=io.StringIO()) as log:
        for number in range(1_000):
            log.write("worker", f"line {number}")
    found = sorted(tmp_path.iterdir())
    assert [each.name for each in found] == ["log", *(f"log.{n}" for n in range(1, module.FORMER_FILES + 1))]
    assert all(each.stat().st_size <= 1_000 for each in found)
    assert "line 999" in (tmp_path / "log").read_text()


def test_a_full_disk_costs_lines_of_the_file_alone() -> None:
    """A disk that takes nothing more ends nothing, and standard error still gets each line."""
    with StationLog(Path("/dev/full"), stream=(stream := io.StringIO())) as log:
        log.write("worker", "one")
        log.write("worker", "two")
    assert stream.getvalue() == "worker: one\nworker: two\n"


def test_a_reader_that_hangs_blocks_no_program(tmp_path: Path) -> None:
    """Lines that nothing reads from standard error are dropped there, and stand in the file."""
    reading, writing = os.pipe()
    with (
        os.fdopen(reading),
        os.fdopen(writing, "w") as stream,
        StationLog(tmp_path / "log", stream=stream) as log,
    ):
        for number in range(3_000):
            log.write("worker", f"{number} {'x' * 100}")
    assert len((tmp_path / "log").read_text().splitlines()) == 3_000


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """The start ends with the file's name and the reason."""
    with pytest.raises(UserError, match="cannot be written: Is a directory"), StationLog(tmp_path):
        pass
