"""Two rows of a file under one reading_id: found before anything leaves, in bounded memory, and never lost without a word."""

from __future__ import annotations

import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from rookery.publisher.commands.publish import app
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.repeated_ids import MOST, repeated
from rookery.publisher.files.tables.messages import TableMessages
from rookery.schemas.codec import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.publisher.conftest import Topic

HEADER = "reading_id,species,bill_length_mm,body_mass_g"


def written(path: Path, names: list[str], *, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *(f"{name},Adelie,39.1,3750" for name in names)]) + "\n")
    return path


def test_the_second_row_of_an_id_is_kept_aside_and_both_are_named(topic: Topic, tmp_path: Path) -> None:
    """It is not sent, where it would be taken for a duplicate: it stands among the bad rows with both lines."""
    path = written(tmp_path / "penguins.csv", ["PENGUIN-1", "PENGUIN-2", "PENGUIN-1"])
    command = ["csv", str(path), "--topic", topic.name, "--broker", topic.broker]
    said = CliRunner().invoke(app, command)
    assert (said.exit_code, said.stdout.partition(":")[2].partition(":")[0]) == (
        0, " Published 2 of 3 rows, 1 bad",
    )  # fmt: skip
    assert "line 4: reading_id: line 2 has it too" in said.stderr
    (message,) = topic.take(1)
    assert decode(message.data).table.reading_id == ["PENGUIN-1", "PENGUIN-2"]
    kept = (tmp_path / "penguins.csv.rejected.csv").read_text().splitlines()
    assert len(kept) == 2
    assert kept[1].startswith("PENGUIN-1,4,")
    dry = CliRunner().invoke(app, [*command, "--dry-run"])
    assert "line 4: reading_id: line 2 has it too" in dry.stderr


@pytest.mark.parametrize("one_per_message", [True, False])
def test_every_repetition_is_found_wherever_it_stands(tmp_path: Path, *, one_per_message: bool) -> None:
    """Across blocks, beside bad rows and cells that stand for nothing, quoted or not: exactly as a set would find them."""
    chance = random.Random(5)  # noqa: S311  any order will do
    names = [str(chance.randrange(40_000)) for _ in range(8_000)]
    names[100:120] = ["NA", "", " ", *[f'"{name}"' for name in names[200:217]]]
    path = written(tmp_path / "penguins.csv", names)
    path.write_text(path.read_text().replace("39.1,3750\n", "39.1\n", 3))
    first: dict[str, int] = {}
    expected = {}
    for row, name in enumerate(names):
        plain = name.strip(' "')
        if row >= 3 and plain not in {"", "NA"} and first.setdefault(plain, row) != row:
            expected[row] = first[plain]
    assert 100 < len(expected) < MOST
    file = ReadingFile(path)
    assert file.repeated == expected
    messages = TableMessages(file).singles() if one_per_message else TableMessages(file).tables()
    bad = [each for each in messages if isinstance(each, BadRow)]
    assert [each.line - 2 for each in bad] == sorted({0, 1, 2, *expected})
    found = {each.line - 2: int(each.why.split("line ")[1].split()[0]) - 2 for each in bad[3:]}
    assert found == expected


def test_a_column_that_names_no_rows_is_refused_whole(tmp_path: Path) -> None:
    """More repetitions than can be listed are no accident: nothing is sent, and the option is named that helps."""
    path = written(tmp_path / "penguins.csv", ["colony 7"] * (MOST + 2), header=HEADER.replace("_id", " ID"))
    with pytest.raises(BadFileError, match=r"lines 2 and 3 share one.*--map 'reading ID='"):
        _ = ReadingFile(path).repeated
    said = CliRunner().invoke(app, ["csv", str(path), "--dry-run"])
    assert (said.exit_code, said.stdout) == (2, "")
    assert len(list(ReadingFile(path, mapping={"reading ID": ""}).rows())) == MOST + 2


def test_the_ids_of_a_large_file_are_kept_in_a_few_bytes_each() -> None:
    """Some ten bytes a row: 5,000,000 rows are distinguished in 60 MB."""
    rows = 400_000

    def stated() -> Iterator[tuple[range, list[str]]]:
        for start in range(0, rows, 1_000):
            block = range(start, start + 1_000)
            yield block, [f"penguin-{row if row != rows - 1 else 7}" for row in block]

    tracemalloc.start()
    try:
        assert repeated(stated) == {rows - 1: 7}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * rows
