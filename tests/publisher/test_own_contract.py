"""A contract of one's own at the source: readings, options and files are validated by it, without xgboost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from rookery.publisher.client import ReadingPublisher
from rookery.publisher.commands.publish import app
from rookery.publisher.contracts import InvalidReadingError, compiled_of
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.publisher.files.tables.messages import TableMessages
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.codec import DecodedTable, decode

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.publisher.files.bad_row import BadRow
    from tests.publisher.conftest import Topic

WELLS: dict[str, Any] = {
    "name": "wells",
    "target": "verdict",
    "labels": ["yes", "no", "null"],
    "features": [
        {"name": "pH value", "least": 0, "most": 14, "aliases": ["acidity"], "hints": ["ph"]},
        {"name": "depth", "kind": "integer", "required": True, "unit": "m"},
        {"name": "soil", "kind": "category", "categories": ["NA", "clay"], "spellings": {"mud": "clay"}},
        {"name": "fenced", "kind": "flag"},
    ],
}


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "wells.json"
    path.write_text(json.dumps(WELLS))
    return path


def published(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_values_are_validated_by_the_publishers_contract(topic: Topic, contract: Path) -> None:
    """A mapping is a reading or a table by the contract's names; a wrong one is refused with every reason."""
    settings = PublisherSettings(broker=topic.broker)
    with ReadingPublisher(topic.name, settings=settings, contract=contract) as publisher:
        publisher.publish({"pH value": 7.5, "depth": 3, "reading_id": "a"}).result()
        publisher.publish({"depth": [1, 2], "fenced": [True, None]}).result()
        with pytest.raises(InvalidReadingError) as refused:
            publisher.publish({"pH value": 15, "soil": "loam"})
    assert sorted(each.field for each in refused.value.reasons) == ["depth", "pH value", "soil"]
    by = compiled_of(contract)
    reading, table = (decode(message.data, by) for message in topic.take(2))
    assert not isinstance(reading, DecodedTable)
    assert reading.fields | {} == by.reading(**{"pH value": 7.5, "depth": 3, "reading_id": "a"}).fields
    assert isinstance(table, DecodedTable)
    assert table.table is not None
    assert table.table.columns == {"depth": [1, 2], "fenced": [True, None]}


def test_a_feature_is_an_option_and_a_name_of_set(topic: Topic, contract: Path) -> None:
    """Options come from the contract, `--set` takes any name that a file's column could have, and both read as cells do."""
    where = ("--topic", topic.name, "--broker", topic.broker, "--contract", contract)
    done = published(
        "reading", *where, "--depth", 3, "--set", "Acidity=7.5", "--set", "fenced=yes", "--soil=mud"
    )
    assert done.exit_code == 0, done.output
    (message,) = topic.take(1)
    assert json.loads(message.data) == {"pH value": 7.5, "depth": 3, "soil": "clay", "fenced": True}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--set", "wetness=3"), "NAME=VALUE is needed"),
        (("--depth",), "--depth needs a value"),
        (("--depth", "deep"), "a whole number is needed"),
        (("--set", "fenced=yes"), "depth: this field is needed"),
    ],
)
def test_a_wrong_value_is_a_sentence(contract: Path, arguments: tuple[str, ...], reason: str) -> None:
    """An unknown name, no value, and a value against the contract: exit code 2, and the sentence says which."""
    done = published("reading", "--contract", contract, "--dry-run", *arguments)
    assert done.exit_code == 2
    assert reason in " ".join(done.output.split())


def test_a_contract_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    """A file without a contract, and no file at all, end with exit code 2 and the reason."""
    (tmp_path / "no.json").write_text("{}")
    for path, reason in (("no.json", "is refused"), ("absent.json", "cannot be read")):
        done = published("reading", "--contract", tmp_path / path, "--dry-run")
        assert done.exit_code == 2
        assert reason in " ".join(done.output.replace("│", " ").split())
        assert done.exception is None or isinstance(done.exception, SystemExit)


def test_a_file_is_read_by_a_contract(tmp_path: Path, contract: Path) -> None:
    """Aliases, spellings, flags, integers written with a point, and a category named NA: rows and tables agree."""
    path = tmp_path / "wells.csv"
    path.write_text(
        "Acidity,Depth,soil,fenced,verdict\n7.5,3.0,NA,yes,null\n,4,mud,,no\n8,5,clay,0,yes\n9,,clay,1,no\n3,6,loam,1,no\n"
    )
    file = ReadingFile(path, contract=compiled_of(contract))
    rows: list[ReadingRow | BadRow] = list(file.rows())
    good = [each for each in rows if isinstance(each, ReadingRow)]
    assert [([each.reading.fields[name] for name in file.contract.names], each.label) for each in good] == [
        ([7.5, 3, "NA", True], "null"),
        ([None, 4, "clay", None], "no"),
        ([8.0, 5, "clay", False], "yes"),
    ]
    bad = [each for each in rows if not isinstance(each, ReadingRow)]
    assert [str(each.reasons[0].field) for each in bad] == ["depth", "soil"]
    payloads = [each.payload for each in TableMessages(file).tables() if getattr(each, "rows", 0)]
    from_tables = [
        table.row(nth)
        for payload in payloads
        if isinstance(decoded := decode(payload, file.contract), DecodedTable)
        and (table := decoded.table) is not None
        for nth in range(table.rows)
    ]
    assert from_tables == [each.reading for each in good]


def test_a_device_needs_no_xgboost_to_read_a_contract(contract: Path) -> None:
    """Validation at the source imports neither the model's library nor numpy."""
    program = (
        "import sys; from rookery.publisher.client import ReadingPublisher;"
        f"publisher = ReadingPublisher('projects/p/topics/readings', contract={str(contract)!r});"
        "from rookery.publisher.contracts import compiled_of, valid_readings;"
        f"valid_readings({{'depth': 3}}, compiled_of({str(contract)!r}));"
        "print({name for name in ('xgboost', 'numpy', 'pandas', 'msgspec', 'typer') if name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == "set()"
