"""Files as people have them: published, or refused with the sentence that helps; none a traceback or a wrong number."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from rookery.publisher.commands.publish import app
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.publisher.files.tables.messages import TableMessages
from rookery.schemas.codec import DecodedTable, decode
from tests.publisher.files.cases import CASES, MASSES, FileCase

if TYPE_CHECKING:
    from pathlib import Path

ASKED = (
    "thousands", "thousands with spaces", "thousands with points", "an ambiguous decimal comma", "a code for missing",
    "kilograms without a word", "centimetres without a word", "two columns of one name", "a column that may be one",
    "thousands with a narrow space", "thousands and a unit", "a header with the wrong unit", "a code in a category",
    "a title above foreign names", "an apostrophe in a name", "colons", "names below names", "letters of DOS",
    "xlsx with the readings in another sheet",
)  # fmt: skip
EACH = "thousands|decimal|missing|unit|map|skip|delimiter|encoding|sheet"
WORD = r"""(?:'[^']*'(?:"'"'[^']*')*|"'"|\S+)"""
OPTION = re.compile(f"--(?:{EACH}) {WORD}")


LEADS = {
    "an ambiguous decimal comma": "--decimal",
    "colons": "--delimiter",
    "names below names": "--skip",
    "letters of DOS": "--encoding",
}
"""The option that is meant where a sentence names several."""


def written(folder: Path, case: FileCase) -> Path:
    path = folder / "readings"
    path.write_bytes(case.content())
    return path


def dry_run(path: Path, *options: str) -> Result:
    done = CliRunner().invoke(app, ["file", str(path), "--dry-run", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_published_or_refused_with_the_sentence_that_helps(name: str, tmp_path: Path) -> None:
    """As many rows as expected can be published, the sentence is there, and the exit code fits."""
    case = CASES[name]
    said = dry_run(written(tmp_path, case), *case.options)
    assert case.says in said.output, said.output
    if case.good < 0:
        assert (said.exit_code, said.stdout) == (2, ""), said.output
        return
    total = case.good + case.bad
    assert f"{case.good} of {total} rows can be published" in said.output, said.output
    assert said.exit_code == (2 if not case.good else 1 if case.bad else 0), said.output


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.good > 0 and not case.options])
def test_no_number_is_wrong(name: str, tmp_path: Path) -> None:
    """The masses of the rows are those that were meant, in rows and in tables, which agree on every reading."""
    case = CASES[name]
    file = ReadingFile(written(tmp_path, case))
    rows = [each.reading for each in file.rows() if isinstance(each, ReadingRow)]
    assert [each.body_mass_g for each in rows] == list(case.masses or MASSES)
    messages = [each for each in TableMessages(file).tables() if not isinstance(each, BadRow) and each.rows]
    decoded = [decode(each.payload) for each in messages]
    tables = [each.table for each in decoded if isinstance(each, DecodedTable) and each.table is not None]
    assert [table.row(row) for table in tables for row in range(table.rows)] == rows


@pytest.mark.parametrize("name", ASKED)
def test_an_option_that_is_named_helps(name: str, tmp_path: Path) -> None:
    """With the first option that the sentence names, every row can be published."""
    case = CASES[name]
    path = written(tmp_path, case)
    asked = dry_run(path, *case.options)
    chosen = next(each for each in OPTION.findall(asked.output) if each.startswith(LEADS.get(name, "--")))
    answered = dry_run(path, *case.options, *shlex.split(chosen))
    assert answered.exit_code == 0, asked.output + answered.output
    rows = 4 if name == "a code in a category" else 3
    assert f"{rows} of {rows} rows can be published" in answered.output


def test_every_option_that_says_how_a_file_is_written_is_asked_for(tmp_path: Path) -> None:
    """The cases in ASKED have each option of `publish file` that a message names."""
    said = "".join(dry_run(written(tmp_path, CASES[name]), *CASES[name].options).output for name in ASKED)
    assert {each.partition(" ")[0] for each in OPTION.findall(said)} == {
        f"--{each}" for each in EACH.split("|")
    }


def test_a_reason_names_each_problem_on_a_line_of_its_own(tmp_path: Path) -> None:
    """Several questions about a header are several lines, and no feature is proposed for two columns."""
    path = tmp_path / "readings.csv"
    path.write_text("Weight,mass,flipper_length_mm\n1,2,181\n")
    with pytest.raises(BadFileError) as caught:
        _ = ReadingFile(path).profile
    said = dry_run(path).output.splitlines()
    assert len(said) == len(caught.value.reasons) == 2
    assert "--map 'Weight=body_mass_g'" in said[0]
    assert "body_mass_g" not in said[1]
