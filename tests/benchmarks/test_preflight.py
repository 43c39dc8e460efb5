"""The needs of a benchmark's run, checked before it begins; models and tables that it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import preflight
from benchmarks.generators.brought_wrk import NoGeneratorError, brought_wrk
from benchmarks.preflight import PreflightCheck, file_system
from benchmarks.servers import generated_model
from benchmarks.servers.generated_model import LARGE
from benchmarks.servers.reference_answers import ReferenceAnswers
from benchmarks.servers.table_bodies import FORMS, table_bodies
from rookery.load.report.interpreter import interpreter
from rookery.schemas.envelope import wrapped
from rookery.worker.decoding.message import decode_message, feature_matrix

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = """/dev/vda / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /tmp/disk xfs rw 0 0
"""


def program(folder: Path, script: str) -> None:
    file = folder / "root" / "usr" / "bin" / "wrk"
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/tmp/disk/x", "xfs"), ("/tmp/x", "tmpfs"), ("/var", "ext4")],  # noqa: S108  of the text above
)
def test_the_file_system_of_a_folder_is_that_of_its_nearest_mount(folder: str, kind: str) -> None:
    """A scratch folder in memory is recognized, where a sync would cost nothing."""
    from pathlib import Path  # noqa: PLC0415  elsewhere only a type

    assert file_system(Path(folder), MOUNTS) == kind


def test_a_folder_in_memory_stops_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured where results would not become durable, and the reason says what to set."""
    monkeypatch.setattr(preflight, "file_system", lambda *_: "tmpfs")
    (found,) = [each for each in preflight.preflight((), quick=True) if each.name == "durability"]
    assert (found.met, found.stops) == (False, True)
    assert "set TMPDIR" in str(found)


def test_what_stops_a_run_is_called_missing() -> None:
    """A need that stops the run reads otherwise than a note on what is left out."""
    check = PreflightCheck("wrk", met=False, said="apt install wrk", stops=True)
    assert str(check).startswith("MISSING  wrk")
    assert str(replace(check, stops=False)).startswith("note ")


def test_a_brought_wrk_is_tried_before_it_is_used(tmp_path: Path) -> None:
    """An unpacked program runs with its own libraries; one that cannot be linked is refused with what to install."""
    program(tmp_path / "good", "echo wrk 4.1.0 $LD_LIBRARY_PATH; exit 1")
    assert brought_wrk(tmp_path / "good")[-1].endswith("usr/bin/wrk")
    program(tmp_path / "bad", "echo libluajit is missing >&2; exit 127")
    with pytest.raises(NoGeneratorError, match=r"libluajit is missing.*apt install wrk"):
        brought_wrk(tmp_path / "bad")


def test_a_generated_model_is_a_served_one_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of a size is adopted, kept for the next run, and its tables are the same rows in every form."""
    monkeypatch.setattr(generated_model, "FOLDER", tmp_path)
    size = replace(LARGE, trees=3, depth=2, features=4)
    made = generated_model.generated_model(size)
    before = made.stat().st_mtime_ns
    assert generated_model.generated_model(size).stat().st_mtime_ns == before
    reference = ReferenceAnswers(tmp_path, made)
    assert (reference.generated_features, {*reference.winners}) == (4, {0, 1})
    messages = [
        decode_message(wrapped(table_bodies(reference, form, 150, count=1)[0]), reference.contract)
        for form in FORMS
    ]
    first, second = (feature_matrix([each], reference.contract) for each in messages)
    assert first.shape == (150, 4)
    np.testing.assert_array_equal(first, second)


def test_an_interpreter_built_without_optimizations_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of a slow build of Python say so before a run, with what to do; they are measured all the same."""
    monkeypatch.setattr(
        preflight, "interpreter", lambda: interpreter("/opt/python", "'--prefix=/opt/python'")
    )
    (found,) = [each for each in preflight.preflight((), quick=True) if each.name == "interpreter"]
    assert (found.met, found.stops) == (False, False)
    assert "built without --enable-optimizations" in str(found)
    assert "PYTHON=" in str(found)


def test_an_optimized_interpreter_is_called_so() -> None:
    """The builds of distributions and those with the flag are distinguished from those without it."""
    assert interpreter("/opt/python", "'--enable-optimizations'").endswith(
        "built with --enable-optimizations"
    )
    assert " of " in interpreter("/usr")
