"""`rookery publish`: honest exit codes, a sentence instead of a traceback, an example in every help."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from typer.testing import CliRunner, Result

from rookery.publisher.commands.publish import app
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.schemas.codec import DecodedTable, decode, encode
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from tests.publisher.conftest import StagedPubSub, Topic

PENGUINS = Path(__file__).parents[3] / "data" / "penguins.csv"


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


@pytest.fixture
def good_penguins(tmp_path: Path) -> Path:
    """The penguins without the two that were not measured."""
    path = tmp_path / "good.csv"
    lines = PENGUINS.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "NA,NA,NA,NA" not in line))
    return path


def test_a_file_goes_out_as_tables_and_as_singles(topic: Topic, good_penguins: Path) -> None:
    """Both ways every row arrives under its own id, and the exit code is 0."""
    where = ("--topic", topic.name, "--broker", topic.broker)
    tables = run("csv", good_penguins, *where, "--rows-per-table", 100)
    singles = run(
        "csv", good_penguins, *where, "--one-per-message", "--id-prefix", "single", "--device-id", "d1"
    )
    assert (tables.exit_code, singles.exit_code) == (0, 0), tables.output + singles.output
    assert tables.stdout.startswith("good.csv: Published 342 of 342 rows: 4 messages, ")
    assert singles.stdout.startswith("good.csv: Published 342 of 342 rows: 342 messages, ")
    decoded = [decode(message.data) for message in topic.take(346)]
    from_tables = {
        name for each in decoded if isinstance(each, DecodedTable) for name in each.table.reading_id
    }
    from_singles = {each.reading_id for each in decoded if not isinstance(each, DecodedTable)}
    ids = {
        each.reading.reading_id for each in ReadingFile(good_penguins).rows() if isinstance(each, ReadingRow)
    }
    assert from_tables == ids
    assert from_singles == {f"single-{name}" for name in ids}


def test_bad_rows_are_reported_and_kept(topic: Topic, tmp_path: Path) -> None:
    """The unmeasured penguins are named with line and text, and stand in a file of their own; exit code 0."""
    result = run("csv", PENGUINS, "--topic", topic.name, "--broker", topic.broker, "--work-dir", tmp_path)
    assert result.exit_code == 0
    assert (tmp_path / "penguins.csv.rejected.csv").read_text().count("\n") == 3
    assert result.stdout.startswith("penguins.csv: Published 342 of 344 rows, 2 bad: 1 message, ")
    assert (
        "line 5: reading: at least one of bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g is needed"
        in result.stderr
    )
    assert "Gentoo,Biscoe,NA,NA,NA,NA,NA,2009" in result.stderr


def test_no_file_steers_the_terminal(tmp_path: Path) -> None:
    """Rows, columns and values of an untrusted file are shown as they are written, and not obeyed."""
    path = tmp_path / "untrusted.csv"
    path.write_text(
        'bill_length_mm,"odd\x1b[2Jname",sex\n39.1,,"fe\x1b]0;x\x07\u202e\r\nmale"\n\x9b31m,,male\n'
    )
    result = run("csv", path, "--dry-run")
    assert result.exit_code == 2, result.output
    assert all(line.isprintable() for line in result.output.split("\n"))
    assert r"\x1b]0;x\x07\u202e" in result.output


def test_one_reading_is_published(topic: Topic) -> None:
    """The message id that is printed is the one that arrives."""
    result = run(
        "reading", "--topic", topic.name, "--broker", topic.broker, "--bill-length-mm", 39.1, "--sex", "male"
    )
    (message,) = topic.take(1)
    assert (result.exit_code, decode(message.data).sex) == (0, "male")
    assert result.stdout == f"Published to {topic.name} as message {message.message_id}\n"


def test_an_interrupted_stream_finishes_and_says_how_far_it_came(topic: Topic) -> None:
    """Lines go out as they come; Ctrl-C while waiting for the next one ends with 130 and a true count."""
    program = "from rookery.publisher.commands.publish import app; app()"
    command = [sys.executable, "-c", program, "stream", "-", "--topic", topic.name, "--broker", topic.broker]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for reading in ReadingFactory(seed=1).readings(3):
            process.stdin.write(encode(reading) + b"\n")
        process.stdin.flush()
        assert len(topic.take(3)) == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stdout.read().startswith(b"Published 3 of 3 rows, interrupted")


def test_a_missing_topic_is_a_sentence_and_a_hint(staged: StagedPubSub, good_penguins: Path) -> None:
    """Nothing was published, exit code 2, and the user learns what makes the topic."""
    staged.failure = grpc.StatusCode.NOT_FOUND
    whole = run("csv", good_penguins, "--broker", staged.address)
    one = run("reading", "--bill-length-mm", 39.1, "--broker", staged.address)
    for result in (whole, one):
        assert result.exit_code == 2
        assert "there is no topic projects/rookery-local/topics/readings" in result.stderr
        assert "rookery setup" in result.stderr
    assert "342 rows not published" in whole.stderr


def test_a_broker_that_is_not_there_is_named(good_penguins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 within bounded time, with the address and how to start a broker there."""
    monkeypatch.setattr("rookery.publisher.commands.file.REACH_S", 0.2)
    result = run("csv", good_penguins, "--broker", "127.0.0.1:1")
    assert result.exit_code == 2
    assert "cannot reach 127.0.0.1:1" in result.stderr
    assert "rookery broker --host 127.0.0.1 --port 1" in result.stderr


def test_a_failure_in_the_middle_costs_the_exit_code(staged: StagedPubSub, good_penguins: Path) -> None:
    """Rows that Pub/Sub refused are counted and named by their first reading; exit code 1."""
    staged.failure = grpc.StatusCode.INVALID_ARGUMENT
    result = run("csv", good_penguins, "--broker", staged.address)
    first = next(ReadingFile(good_penguins).rows()).reading.reading_id
    assert result.exit_code == 1
    assert f"342 rows not published, from reading {first}:" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("csv", PENGUINS), 1, "342 of 344 rows can be published; nothing was sent"),
        (("reading", "--body-mass-g", 3750), 0, "1 of 1 rows"),
        (("stream", "-"), 1, "2 of 3 rows"),
    ],
)
def test_a_dry_run_validates_and_sends_nothing(
    arguments: tuple[object, ...], code: int, expected: str
) -> None:
    """It needs no broker and no topic, and its exit code is the one that publishing would have."""
    stdin = '{"bill_length_mm": 39.1}\n{"year": 2007}\n{"bill_length_mm": [40.3]}\n'
    result = run(*arguments, "--dry-run", "--topic", "no topic", stdin=stdin)
    assert (result.exit_code, expected in result.stdout) == (code, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("reading", "--bill-length-mm", -1, "--sex", "x"), "--bill-length-mm -1.0: at least 5 is needed"),
        (("reading", "--bill-length-mm", -1, "--sex", "x"), "--sex"),
        (("reading", "--year", 2007), "at least one of bill_length_mm"),
        (("reading", "--bill-length-mm", 39, "--topic", "a/b"), "is no topic"),
        (("csv", "no-such-file.csv"), "no such file"),
        (("csv", __file__), "header: at least one column of"),
        (("csv", PENGUINS, "--map", "x"), "COLUMN=FIELD is needed"),
        (("csv", PENGUINS, "--rows-per-table", 0), "rows-per-table"),
    ],
)
def test_wrong_usage_is_reported_without_a_traceback(arguments: tuple[object, ...], expected: str) -> None:
    """Exit code 2 and a sentence that names what is wrong."""
    result = run(*arguments, "--broker", "127.0.0.1:1")
    assert result.exit_code == 2
    assert expected in result.output


@pytest.mark.parametrize("command", [(), ("csv",), ("reading",), ("stream",)])
def test_every_help_shows_an_example(command: tuple[str, ...]) -> None:
    """Every help has an example line to copy."""
    assert "Example: " in run(*command, "--help").output
