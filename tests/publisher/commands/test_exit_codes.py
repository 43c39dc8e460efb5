"""One rule for exit codes: nothing sent is never 0, whatever the reason, in a run and in a dry run."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from rookery.publisher.commands.publish import app
from rookery.publisher.files.resume.checkpoint import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.publisher.conftest import StagedPubSub

HEADER = "reading_id,bill_length_mm,body_mass_g\n"
GOOD = "{},39.1,3750\n"
BAD = "{},39.1,3\n"


def csv(path: Path, *rows: str) -> str:
    path.write_text(HEADER + "".join(row.format(f"{path.stem}-{number}") for number, row in enumerate(rows)))
    return str(path)


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


@pytest.mark.parametrize(
    ("files", "codes", "said"),
    [
        ([[GOOD]], (0, 0), "Published 1 of 1 rows"),
        # A run keeps a bad row in a file; a dry run keeps none.
        ([[GOOD, BAD]], (0, 1), "Published 1 of 2 rows, 1 bad"),
        ([[BAD, BAD]], (2, 2), "Published 0 of 2 rows, 2 bad"),
        ([[]], (2, 2), "There is no row below the header."),
        ([["\n", " \n"]], (2, 2), "There is no row below the header."),
        ([[GOOD], []], (1, 1), "There is no row below the header."),
        ([[BAD], [GOOD]], (1, 1), "Published 1 of 1 rows"),
        ([[], [BAD]], (2, 2), "Published 0 of 1 rows"),
    ],
)
def test_a_file_of_which_nothing_was_sent_is_never_a_success(
    staged: StagedPubSub, tmp_path: Path, files: list[list[str]], codes: tuple[int, int], said: str
) -> None:
    """Bad rows alone, or no row at all, end with 2; beside another file that was sent, with 1."""
    paths = [csv(tmp_path / f"{number}.csv", *rows) for number, rows in enumerate(files)]
    checked = run("csv", *paths, "--dry-run")
    sent = run("csv", *paths, "--broker", staged.address)
    assert (sent.exit_code, checked.exit_code) == codes, sent.output + checked.output
    assert said in sent.output
    assert ("no row" in said) <= ("There is no row below the header." in checked.stderr)


@pytest.mark.parametrize(
    ("stdin", "code"),
    [("", 2), ("\n", 2), ("{}\n", 2), ('{"year": 2007}\n{"bill_length_mm": 39.1}\n', 1), ("[]", 2)],
)
def test_a_stream_of_which_nothing_was_sent_is_never_a_success(
    staged: StagedPubSub, stdin: str, code: int
) -> None:
    """The same for standard input, where no file keeps a bad row."""
    sent = run("stream", "-", "--broker", staged.address, stdin=stdin)
    assert (sent.exit_code, run("stream", "-", "--dry-run", stdin=stdin).exit_code) == (code, code)
    assert ("there was nothing to publish" in sent.stderr) == (stdin.strip(" \n[]") == "")


def test_what_an_earlier_run_sent_counts(staged: StagedPubSub, tmp_path: Path) -> None:
    """A run that finds all done by the one before has nothing left to send, and that is a success."""
    first, second = csv(tmp_path / "a.csv", GOOD, BAD), csv(tmp_path / "b.csv", BAD)
    where = ("--broker", staged.address, "--resume")
    assert run("csv", first, *where).exit_code == 0
    assert run("csv", first, second, *where).exit_code == 1
    assert run("csv", second, *where).exit_code == 2


class FullDisk:
    """A file on a full disk."""

    def __init__(self, path: Path) -> None:
        self._raw = io.FileIO(path, "xb")

    def write(self, _: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self) -> None:
        """Nothing is there to be written."""

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()


def test_a_bad_row_that_cannot_be_kept_ends_the_run_and_resume_goes_on(
    staged: StagedPubSub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full once: what is in flight is finished, the file is named, and later not a row is missing."""
    path = csv(tmp_path / "penguins.csv", GOOD, BAD, GOOD)
    command = ("csv", path, "--broker", staged.address, "--one-per-message", "--resume")
    with monkeypatch.context() as patch:
        patch.setattr(
            "rookery.publisher.files.rejected_file.open", lambda path, *_, **__: FullDisk(path), raising=False
        )
        ended = run(*command)
    assert ended.exit_code == 1, ended.output
    assert "penguins.csv.rejected.csv: No space left on device" in ended.stderr
    assert run(*command).exit_code == 0
    sent = [message.data for request in staged.requests for message in request.messages]
    assert {name for name in ("penguins-0", "penguins-2") if any(name.encode() in data for data in sent)} == {
        "penguins-0",
        "penguins-2",
    }
    assert (tmp_path / "penguins.csv.rejected.csv").read_text().count("penguins-1") == 2


def test_a_checkpoint_that_cannot_be_saved_costs_no_row(
    staged: StagedPubSub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is reported, all rows are sent all the same, and no unfinished file is left."""
    path = csv(tmp_path / "penguins.csv", GOOD, GOOD)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("rookery.schemas.atomic_file.os.fsync", full)
        ended = run("csv", path, "--broker", staged.address)
    assert ended.exit_code == 0, ended.output
    assert "penguins.csv.checkpoint: No space left on device" in ended.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["penguins.csv"]
    good = Checkpoint(digest12="x", options={}, offset=1, row=1)
    good.save(tmp_path / "penguins.csv.checkpoint")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["penguins.csv", "penguins.csv.checkpoint"]
