"""Publishing a file: bad rows are kept and fixed, a killed run goes on, and nothing counts twice."""

from __future__ import annotations

import gzip
import itertools
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.cloud.storage import Client
from typer.testing import CliRunner

from rookery.publisher.client import ReadingPublisher
from rookery.publisher.commands.publish import app
from rookery.publisher.errors import BadFileError, ResumeError
from rookery.publisher.files.file_run import FileOutcome, FileRun, MessageSize
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.resume.checkpoint import Checkpoint, checkpoint_path, load
from rookery.publisher.files.source import FileSource, sources
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.codec import DecodedTable, decode
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.pubsub_v1 import PubsubMessage

    from rookery.publisher.files.bad_row import BadRow
    from rookery.publisher.files.bulk import Progress
    from tests.publisher.conftest import StagedPubSub, Topic

TOPIC = "projects/rookery-test/topics/readings"
HEADER = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
GOOD = "Adelie,Torgersen,39.1,18.7,181,3750,male,2007"
PENGUINS = Path(__file__).parents[3] / "data" / "penguins.csv"


@pytest.fixture
def publisher(staged: StagedPubSub) -> Iterator[ReadingPublisher]:
    settings = PublisherSettings(broker=staged.address, give_up_s=1, attempt_s=1)
    with ReadingPublisher(TOPIC, settings=settings) as opened:
        yield opened


def names_of(messages: list[PubsubMessage]) -> list[str]:
    decoded = [decode(message.data) for message in messages]
    return [name for each in decoded if isinstance(each, DecodedTable) for name in each.table.reading_id]


def sent(staged: StagedPubSub) -> list[str]:
    return names_of([message for request in staged.requests for message in request.messages])


def many(path: Path, rows: int, bad: int) -> Path:
    """A file in which every `bad`-th row has an impossible mass."""
    path.parent.mkdir(exist_ok=True)
    lines = [GOOD.replace("3750", "3") if row % bad == bad - 1 else GOOD for row in range(rows)]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def test_fixed_rows_are_sent_under_their_first_identity(
    publisher: ReadingPublisher, staged: StagedPubSub, tmp_path: Path
) -> None:
    """Bad rows stand with line, reasons and text; fixed, they are sent under their first ids, however often."""
    path = many(tmp_path / "penguins.csv", 20, bad=10)
    outcome = FileRun(ReadingFile(path), MessageSize()).publish(publisher)
    kept = outcome.rejected.read_text().splitlines()
    digest = ReadingFile(path).profile.digest12
    assert kept[0] == f"rejected_as,rejected_line,rejected_why,{HEADER}"
    assert (
        kept[1]
        == f'{digest}-9,11,"body_mass_g: at least 50 is needed, not ""3"": is the column in kg? --unit \'body_mass_g=kg\'",'
        f"{GOOD.replace('3750', '3')}"
    )
    assert len(kept) == 3
    outcome.rejected.write_text("\n".join([kept[0], kept[1].replace(",3,male", ",3750,male"), kept[2]]))
    again = FileRun(ReadingFile(outcome.rejected), MessageSize()).publish(publisher)
    assert again.summary.rows == 1
    assert sorted(sent(staged)) == sorted(f"{digest}-{row}" for row in range(19))
    assert again.rejected.read_text().splitlines() == [kept[0], kept[2].replace(",21,", ",3,")]


FORMULA = "=cmd|' /C calc'!A0"


def test_no_cell_of_a_rejected_file_is_a_formula_and_every_row_comes_back(
    publisher: ReadingPublisher, staged: StagedPubSub, tmp_path: Path
) -> None:
    """Untrusted texts stay texts in the spreadsheet that fixes them; fixed, a row is what it was in the file."""
    path = tmp_path / "penguins.csv"
    bad = f"Adelie,Torgersen,-1.5,18.7,181,3750,male,{FORMULA},@d,2007"
    lines = [bad, bad.replace("@d", "'=d"), bad.replace("@d", "+d").replace("2007", '"'), GOOD]
    path.write_text("\n".join([f"{HEADER.removesuffix(',year')},=note,device_id,year", *lines]) + "\n")
    outcome = FileRun(ReadingFile(path), MessageSize()).publish(publisher)
    text = outcome.rejected.read_text()
    for cell in re.split(r'[,"\n]', text):
        assert re.match(r"\s*[=+@-]", cell) is None or cell == "-1.5"
    assert f"'{FORMULA},'@d,2007" in text
    outcome.rejected.write_text(text.replace("-1.5", "39.1").replace('+d,"', "+d,2007"))
    again = FileRun(ReadingFile(outcome.rejected), MessageSize()).publish(publisher)
    assert (again.summary.rows, again.rejected.exists()) == (3, True)
    tables = [decode(message.data) for request in staged.requests for message in request.messages]
    devices = [
        name for each in tables if isinstance(each, DecodedTable) for name in each.table.device_id or []
    ]
    assert devices == ["@d", "'=d", "+d"]


def test_a_row_that_is_rejected_again_is_guarded_once(publisher: ReadingPublisher, tmp_path: Path) -> None:
    """However often a file of rejected rows goes round, its cells stay as they are."""
    path = tmp_path / "penguins.csv"
    path.write_text(f"{HEADER},device_id\nAdelie,Torgersen,1.5,18.7,181,3750,male,2007,{FORMULA}\n")
    kept = FileRun(ReadingFile(path), MessageSize()).publish(publisher).rejected
    for _ in range(2):
        row = kept.read_text().splitlines()[1]
        assert row.endswith(f",'{FORMULA}")
        kept = FileRun(ReadingFile(kept), MessageSize()).publish(publisher).rejected


def test_an_interrupted_run_goes_on_and_leaves_no_row_out(
    publisher: ReadingPublisher, staged: StagedPubSub, tmp_path: Path
) -> None:
    """The checkpoint knows rows and bad rows; going on gives every row, and each bad row once."""
    path = many(tmp_path / "penguins.csv", 4_000, bad=100)
    cut = MessageSize(table_bytes=10_000)
    pressed = []

    def press(now: Progress) -> None:
        if now.rows_sent > 1_000 and not pressed:
            pressed.append(os.kill(os.getpid(), signal.SIGINT))

    first = FileRun(ReadingFile(path), cut).publish(publisher, on_progress=press)
    assert first.summary.interrupted
    run = FileRun(ReadingFile(path), cut)
    after = run.earlier()
    assert 0 < after.row < 4_000
    second = run.publish(publisher, after=after)
    digest = ReadingFile(path).profile.digest12
    good = {f"{digest}-{row}" for row in range(4_000) if row % 100 != 99}
    assert set(sent(staged)) == good
    kept = second.rejected.read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in kept] == [f"{digest}-{row}" for row in range(99, 4_000, 100)]
    assert load(FileSource.of(path)).row == 4_000
    run.forget()
    assert load(FileSource.of(path)) is None


def test_a_file_that_was_done_is_not_sent_again_on_resume(staged: StagedPubSub, tmp_path: Path) -> None:
    """Of several files, those before the one that failed have their checkpoints until all are done."""
    first, second = many(tmp_path / "a.csv", 500, bad=1_000), tmp_path / "b.csv"
    second.write_text(first.read_text().replace("39.1", "39.2"))
    command = ["csv", str(first), str(second), "--broker", staged.address, "--topic", TOPIC, "--resume"]
    publish = FileRun.publish

    def watched(run: FileRun, *arguments: object, **named: object) -> FileOutcome:
        # The link is good for the first file and bad for the second.
        staged.failure = grpc.StatusCode.INVALID_ARGUMENT if run._file.source.path == second else None
        return publish(run, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileRun, "publish", watched)
        assert CliRunner().invoke(app, command).exit_code == 1
    staged.failure = None
    staged.requests.clear()
    assert CliRunner().invoke(app, command).exit_code == 0
    assert set(sent(staged)) == {f"{ReadingFile(second).profile.digest12}-{row}" for row in range(500)}
    assert not list(tmp_path.glob("*.checkpoint"))


def test_a_killed_run_goes_on(topic: Topic, tmp_path: Path) -> None:
    """After kill -9 at any time `--resume` ends with every row published, and the run says 0."""
    path = many(tmp_path / "penguins.csv", 120_000, bad=1_000)
    # A quick machine is through with the file within the second after which a checkpoint is first kept.
    run = (
        "from rookery.publisher.commands import publish; from rookery.publisher.files import file_run; "
        "file_run.SAVE_EVERY_S = 0.1; publish.app()"
    )
    command = [sys.executable, "-c", run, "csv", str(path), "--resume",
               "--table-bytes", "2000", "--topic", topic.name, "--broker", topic.broker]  # fmt: skip
    checkpoint = checkpoint_path(FileSource.of(path))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(0.01)  # another process's file has no event to wait for
            if checkpoint.exists():
                process.kill()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (process.returncode, done.returncode, "going on after row" in done.stderr) == (
        -signal.SIGKILL,
        0,
        True,
    ), done.stderr
    digest = ReadingFile(path).profile.digest12
    names = set[str]()
    while taken := topic.take(1):
        names.update(names_of(taken))
        if len(names) == 119_880:
            break
    assert names == {f"{digest}-{row}" for row in range(120_000) if row % 1_000 != 999}
    kept = Path(f"{path}.rejected.csv").read_text().splitlines()[1:]
    assert len(kept) == 120
    assert len(set(kept)) == 120


def test_rows_that_the_user_has_fixed_are_never_lost(publisher: ReadingPublisher, tmp_path: Path) -> None:
    """Content of the file of bad rows that this run did not write is set aside, under a name of its own."""
    path, kept = many(tmp_path / "penguins.csv", 4_000, bad=100), tmp_path / "penguins.csv.rejected.csv"
    for number in range(2):
        kept.write_text(f"edited {number}")
        run = FileRun(ReadingFile(path), MessageSize())
        run.publish(publisher)
    after = run.earlier()
    kept.write_text("edited 2" + kept.read_text()[8:])
    run.publish(publisher, after=after)
    aside = [tmp_path / f"penguins.csv.rejected.csv.bak{number}" for number in ("", 1, 2)]
    assert [each.read_text()[:8] for each in aside] == ["edited 0", "edited 1", "edited 2"]


def test_a_file_that_changes_while_it_is_read_is_no_other(tmp_path: Path) -> None:
    """Rows appended after the file was profiled are left alone; a file that became shorter is reported as damaged."""
    path = many(tmp_path / "penguins.csv", 100, bad=1_000)
    longer, shorter = ReadingFile(path), ReadingFile(path)
    assert longer.profile.rows == shorter.profile.rows == 100
    with path.open("a") as file:
        file.write(GOOD + "\n")
    assert len(list(longer.rows())) == 100
    path.write_text(HEADER)
    with pytest.raises(BadFileError, match="became shorter"):
        list(shorter.rows())


@pytest.mark.parametrize(
    ("change", "expected"),
    [("file", "has changed"), ("options", "resume it so"), ("checkpoint", "no checkpoint")],
)
def test_what_cannot_be_gone_on_from_is_refused(
    publisher: ReadingPublisher, staged: StagedPubSub, tmp_path: Path, change: str, expected: str
) -> None:
    """A changed file, other options or a damaged checkpoint never mix two runs."""
    path = many(tmp_path / "penguins.csv", 2_000, bad=3_000)
    saved = FileRun(ReadingFile(path), MessageSize())
    staged.stop()
    saved.publish(publisher)
    place = Checkpoint(digest12=ReadingFile(path).profile.digest12, options={}, offset=100, row=1)
    place.save(checkpoint_path(FileSource.of(path)))
    if change == "checkpoint":
        checkpoint_path(FileSource.of(path)).write_text("x")
    if change == "file":
        many(path, 2_001, bad=3_000)
    options = {"id-prefix": "x"} if change == "options" else {}
    with pytest.raises(ResumeError, match=expected):
        FileRun(ReadingFile(path), MessageSize(), options=options).earlier()


def test_patterns_and_folders_beside(tmp_path: Path) -> None:
    """A pattern means files in order, never files of bad rows; companions go to the folder that is given."""
    for name in ("b.csv", "a.csv", "a.csv.rejected.csv"):
        (tmp_path / name).write_text("x")
    with sources([str(tmp_path / "*.csv")], tmp_path / "elsewhere") as found:
        assert [each.name for each in found] == ["a.csv", "b.csv"]
        assert found[0].beside == tmp_path / "elsewhere" / "a.csv"
    with sources([str(tmp_path / "a.csv"), str(tmp_path / "?.csv")]) as found:
        assert len(found) == 2
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.csv").write_text("y")
    both = [str(tmp_path / "a.csv"), str(tmp_path / "more" / "a.csv")]
    with pytest.raises(FileExistsError), sources(both, tmp_path / "elsewhere"):
        pass
    for nothing in (str(tmp_path / "*.tsv"), str(tmp_path), str(tmp_path / "c.csv")):
        with pytest.raises(FileNotFoundError), sources([nothing]):
            pass


def test_a_bucket_s_files_are_read_as_local_ones_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pattern in a bucket means its objects; the readings are those of the same bytes on the disk."""
    with StorageServer("penguins") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        bucket = Client(client_options={"api_endpoint": server.url}, use_auth_w_custom_endpoint=False).bucket(
            "penguins"
        )
        for name in ("season/b.csv", "season/a.csv.gz", "season/a.csv.rejected.csv", "other.csv"):
            content = PENGUINS.read_bytes()
            bucket.blob(name).upload_from_string(gzip.compress(content) if name.endswith("gz") else content)
        with sources(["gs://penguins/season/*"], tmp_path) as found:
            assert [each.name for each in found] == [
                "gs://penguins/season/a.csv.gz",
                "gs://penguins/season/b.csv",
            ]
            assert [each.beside.name for each in found] == ["a.csv.gz", "b.csv"]
            local = list(ReadingFile(PENGUINS).rows())
            assert all(list(ReadingFile(each).rows()) == local for each in found)
        with pytest.raises(FileNotFoundError), sources(["gs://penguins/season/c.csv"]):
            pass
        with pytest.raises(OSError, match="nowhere"), sources(["gs://nowhere/x.csv"]):
            pass
        bucket.client.close()


def test_tables_take_a_hundredth_of_the_calls_of_singles(publisher: ReadingPublisher, tmp_path: Path) -> None:
    """Calls of functions a row, for the same penguin over real gRPC, whatever the machine does beside them."""
    tables, singles = 40_000, 1_000
    together = many(tmp_path / "penguins.csv", tables, bad=300_000)
    alone = many(tmp_path / "few.csv", singles, bad=300_000)
    # Imports and connections of the first publish are not counted.
    FileRun(ReadingFile(many(tmp_path / "first.csv", 1, bad=300_000)), MessageSize()).publish(publisher)
    in_tables = (
        calls(lambda: FileRun(ReadingFile(together), MessageSize()).publish(publisher).summary.rows) / tables
    )
    in_singles = calls(
        lambda: FileRun(ReadingFile(alone), MessageSize(one_per_message=True)).publish(publisher).summary.rows
    )
    assert in_singles / singles > 100 * in_tables, f"{in_singles / singles:.1f} and {in_tables:.3f}"


def calls(work: Callable[[], object]) -> int:
    """How many functions this thread calls for some work, those in C included."""
    count = itertools.count()

    def note(_frame: object, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            next(count)

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return next(count)


def test_bad_rows_and_checkpoints_are_their_users_alone(
    publisher: ReadingPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold what the file holds; ROOKERY_FILE_MODE lets others read them."""
    for mode in (0o600, 0o640):
        monkeypatch.setenv("ROOKERY_FILE_MODE", f"{mode:04o}")
        path = many(tmp_path / f"{mode:o}" / "penguins.csv", 20, bad=10)
        rejected = FileRun(ReadingFile(path), MessageSize()).publish(publisher).rejected
        made = (rejected, checkpoint_path(FileSource.of(path)))
        assert [stat.S_IMODE(each.stat().st_mode) for each in made] == [mode, mode]


def test_bad_rows_whose_file_was_removed_are_not_passed_over(
    publisher: ReadingPublisher, tmp_path: Path
) -> None:
    """The run stops with a sentence, and no checkpoint says that these rows were kept."""
    path = many(tmp_path / "penguins.csv", 4_000, bad=100)
    run = FileRun(ReadingFile(path), MessageSize(table_bytes=10_000), clock=itertools.count(0, 10).__next__)
    kept = run.publish(publisher).rejected
    run.forget()
    kept.unlink()
    saved: list[int] = []

    def lose(bad: BadRow) -> None:
        saved.append(bad.line)
        if len(saved) == 20:
            kept.unlink()

    again = FileRun(ReadingFile(path), MessageSize(table_bytes=10_000), clock=itertools.count(0, 10).__next__)
    outcome = again.publish(publisher, on_bad_row=lose)
    assert "it was removed or changed while it was written" in str(outcome.stopped)
    after = again.earlier()
    assert after is None or after.bad_rows < 20


def test_a_checkpoint_is_on_the_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file first, then the folder that its name stands in."""
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    path = tmp_path / "penguins.csv.checkpoint"
    Checkpoint(digest12="a", options={}, offset=1, row=1).save(path)
    assert synced == [f".{path.name}.{threading.get_native_id()}", tmp_path.name]
