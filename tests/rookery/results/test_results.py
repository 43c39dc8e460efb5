"""Results read back: deduplicated, scored, exported, compacted; rejected readings validated again."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import re
import shutil
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from google.cloud.storage import Client
from pyarrow import parquet
from typer.testing import CliRunner

from rookery.commands.rejects import app as rejects
from rookery.commands.results import app as results
from rookery.errors import UserError
from rookery.load.accounting.folder_results import predictions
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.results.compaction import BucketTarget, FolderTarget, compact
from rookery.results.export import ExportColumns, export
from rookery.results.id_set import IdSet, Labels
from rookery.results.query import PredictionQuery, SelectedPredictions, labels_of
from rookery.results.replay import ReplayFilter, rejected
from rookery.results.summary import PredictionSummary
from rookery.results.training_data import training_remark
from rookery.schemas.codec import in_base64
from rookery.schemas.output.spreadsheet import unguarded
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection
from rookery.worker.models.loader import SHIPPED, load
from storage_emulator.faults import StorageFault
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from collections.abc import Callable

PENGUINS = Path(__file__).parents[3] / "data" / "penguins.csv"
NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)

COLUMNS = (*ExportColumns("species", ("Adelie", "Chinstrap", "Gentoo")).readers, "known_species")


def prediction(name: str, species: str = "Adelie", **more: object) -> Prediction:
    known = {
        "reading_id": name,
        "message_id": "1",
        "species": species,
        "probability": 0.9,
        "probabilities": {"Adelie": 0.9, "Chinstrap": 0.05, "Gentoo": 0.05},
        "out_of_distribution": False,
        "model": "m",
        "predicted_at": NOON,
    }
    return Prediction(**{**known, **more})


def written(root: Path, *files: list[Prediction], hour: str = "date=2026-11-22/hour=12") -> Path:
    folder = root / hour
    folder.mkdir(parents=True, exist_ok=True)
    for number, lines in enumerate(files):
        text = "".join(f"{each.model_dump_json()}\n" for each in lines)
        (folder / f"{number}.ndjson").write_text(text)
    return root


def rejection(root: Path, name: str, payload: bytes, rule: str, **more: object) -> None:
    one = Rejection(
        reasons=(Reason(field="body_mass_g", rule=rule, value="3"),),
        original=in_base64(payload), reading_id=name,
        rejected_at=NOON, revision="r", **{"message_id": f"m-{name}", **more},
    )  # fmt: skip
    folder = root / "date=2026-11-22/hour=12"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.ndjson").write_text(one.model_dump_json() + "\n")


def test_names_are_remembered_as_a_set_would() -> None:
    """Rows of files, uuids, leading zeros and huge numbers: each name is new exactly once."""
    chance = random.Random(3)  # noqa: S311  any order will do
    stems = ["a", "a-1", "", "f204db2c753b", "x-y"]
    tails = ["-0", "-00", "-1", "-1023", "-1024", "-999999999999", "-9999999999999", "-٣", "", "-", "-1x"]
    names = [chance.choice(stems) + chance.choice(tails) for _ in range(500)]
    seen, known = IdSet(), set[str]()
    for name in names:
        assert seen.add(name) == (name not in known)
        known.add(name)


def test_the_names_of_a_file_take_a_bit_each() -> None:
    """A hundred thousand rows are a hundred pages, not a hundred thousand texts."""
    seen = IdSet()
    assert all(seen.add(f"f204db2c753b-{row}") for row in range(100_000))
    assert len(seen._pages) == 98
    assert not seen._others


def test_labels_are_found_by_name() -> None:
    """Known species by row, other words and other names as they are; an unknown name is None."""
    labels = Labels([("f-7", "Gentoo"), ("f-8", "Emperor"), ("other", "Adelie")])
    assert [labels["f-7"], labels["f-8"], labels["other"], labels["f-9"]] == [
        "Gentoo",
        "Emperor",
        "Adelie",
        None,
    ]
    assert not Labels()


def test_each_reading_counts_once_and_is_scored(tmp_path: Path) -> None:
    """Predictions under the ids of a published file are scored against its labels, without duplicates."""
    rows = [each for each in ReadingFile(PENGUINS).rows() if isinstance(each, ReadingRow)]
    correct = [prediction(each.reading.reading_id, each.label or "") for each in rows]
    mixed = [correct[0].model_copy(update={"species": "Gentoo"}), *correct[1:]]
    root = written(tmp_path, mixed, mixed[:100])
    selected, summary = SelectedPredictions(str(root)), PredictionSummary(labels_of([str(PENGUINS)]))
    summary.enter(selected)
    assert (summary.readings, selected.duplicates, summary.scored, summary.misclassified) == (
        342,
        100,
        342,
        1,
    )
    assert summary.confusion["Adelie", "Gentoo"] == 1
    ran = CliRunner().invoke(results, ["summary", str(root), "--labels", str(PENGUINS)])
    assert ran.exit_code == 0
    assert "accuracy 99.71%: 1 of 342 labelled readings misclassified" in ran.output
    assert "342 readings (100 duplicate lines skipped)" in ran.output


@pytest.mark.parametrize("trained", [True, False])
def test_a_score_on_training_data_says_so(tmp_path: Path, *, trained: bool) -> None:
    """Where the model that answered was trained on the labelled file, its accuracy is not taken for that on new readings."""
    model = load(SHIPPED).model if trained else "another"
    rows = [each for each in ReadingFile(PENGUINS).rows() if isinstance(each, ReadingRow)]
    lines = [prediction(each.reading.reading_id, each.label or "", model=model) for each in rows]
    root = written(tmp_path / "results", lines)
    said = "The model was trained on these readings; its cross-validated accuracy is 9"
    for labels in (PENGUINS, Path(shutil.copy(PENGUINS, tmp_path / "renamed.csv"))):
        ran = CliRunner().invoke(results, ["summary", str(root), "--labels", str(labels)])
        assert ran.exit_code == 0
        assert (said in ran.output) == trained
    changed = tmp_path / "season.csv"
    changed.write_text(PENGUINS.read_text().replace("39.1", "39.2", 1))
    assert training_remark([str(changed), "-"], {model}) == ""


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (PredictionQuery(label="Gentoo"), ["b"]),
        (PredictionQuery(device="d1"), ["a"]),
        (PredictionQuery(since=date(2026, 11, 23)), ["c"]),
        (PredictionQuery(until=date(2026, 11, 22)), ["a", "b"]),
    ],
)
def test_one_may_choose(tmp_path: Path, choice: PredictionQuery, names: list[str]) -> None:
    """By day, species and device."""
    lines = [
        prediction("a", device_id="d1"),
        prediction("b", "Gentoo"),
        prediction("c", predicted_at=NOON + timedelta(days=1)),
    ]
    assert [one.reading_id for one in SelectedPredictions(str(written(tmp_path, lines)), choice)] == names


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    """Both have every column, each reading once, times with their zone, and the label where there is one."""
    lines = [prediction("f-0", row=3, missing=("sex", "year")), prediction("b", observed_at=NOON)]
    root, labels = written(tmp_path / "in", lines, lines), Labels([("f-0", "Gentoo")])
    for name in ("out.csv", "out.parquet"):
        assert export(SelectedPredictions(str(root)), tmp_path / name, labels=labels) == 2
    with (tmp_path / "out.csv").open() as file:
        from_csv = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert tuple(table.column_names) == COLUMNS == tuple(from_csv[0])
    assert [each["reading_id"] for each in from_csv] == table.column("reading_id").to_pylist() == ["f-0", "b"]
    assert (from_csv[0]["missing"], from_csv[0]["known_species"]) == ("sex|year", "Gentoo")
    assert table.column("predicted_at").to_pylist() == [NOON, NOON]
    assert from_csv[1]["observed_at"] == NOON.isoformat()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.csv", "out.parquet"]


def test_an_export_is_what_its_name_says_or_is_refused(tmp_path: Path) -> None:
    """A spreadsheet holds the cells of the CSV; an unknown ending writes nothing, with exit code 2."""
    root = written(tmp_path / "in", [prediction("=1+1", row=3), prediction("b", observed_at=NOON)])
    for name in ("out.csv", "out.xlsx"):
        assert export(SelectedPredictions(str(root)), tmp_path / name, labels=Labels()) == 2
    header, *rows = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0].iter_rows()
    assert tuple(cell.value for cell in header) == COLUMNS
    assert (rows[0][0].value, rows[0][0].data_type, rows[0][2].value) == ("=1+1", "s", 3)
    assert rows[1][COLUMNS.index("observed_at")].value == NOON.isoformat()
    for name in ("out.xls", "out.csv.gz", "out"):
        with pytest.raises(UserError, match=r"ends in \.csv, \.xlsx or \.parquet is needed") as refused:
            export(SelectedPredictions(str(root)), tmp_path / name, labels=Labels())
        assert refused.value.code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.csv", "out.xlsx"]


def test_a_location_without_predictions_is_a_sentence(tmp_path: Path) -> None:
    """A folder that is not there, another address, a line of something else."""
    for uri in (str(tmp_path / "nowhere"), "ftp://x/y"):
        with pytest.raises(UserError):
            list(SelectedPredictions(uri))
    (tmp_path / "x.ndjson").write_text("{}\n")
    with pytest.raises(UserError, match=r"x\.ndjson, line 1"):
        list(SelectedPredictions(str(tmp_path)))
    with pytest.raises(UserError, match="cannot be written"):
        export([], tmp_path / "no" / "out.csv", labels=Labels())


def test_small_files_of_a_closed_hour_become_one(tmp_path: Path) -> None:
    """Every line is there afterwards, once; open segments, single files and the present hour are left alone."""
    files = [[prediction(f"{number}-{row}") for row in range(3)] for number in range(4)]
    written(tmp_path, *files, files[0])
    written(tmp_path, *files, hour="date=2026-11-22/hour=14")
    written(tmp_path, files[0], hour="date=2026-11-22/hour=10")
    (tmp_path / "date=2026-11-22/hour=12/.open-9.ndjson").write_text(
        prediction("open").model_dump_json() + "\n"
    )
    before = sorted(line.reading_id for line in predictions(tmp_path))
    now = NOON + timedelta(hours=2)
    place = FolderTarget(tmp_path)
    assert compact(place, now=now, dry_run=True) == compact(place, now=now)
    assert sorted(line.reading_id for line in predictions(tmp_path)) == before
    left = sorted(path.name for path in (tmp_path / "date=2026-11-22/hour=12").iterdir())
    assert (left[0], len(left), left[1].startswith("compact-")) == (".open-9.ndjson", 2, True)
    assert len((tmp_path / "date=2026-11-22/hour=12" / left[1]).read_text().splitlines()) == 12
    assert len(list((tmp_path / "date=2026-11-22/hour=14").iterdir())) == 4
    assert compact(place, now=now).before == 0


def test_a_compaction_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    """With the merged file there and the others too, the next one ends with each line once."""
    root = written(tmp_path, [prediction("a")], [prediction("b")])
    kept = {path: path.read_text() for path in root.rglob("*.ndjson")}
    compact(FolderTarget(root))
    for path, text in kept.items():
        path.write_text(text)
    compact(FolderTarget(root))
    (merged,) = root.rglob("*.ndjson")
    assert len(merged.read_text().splitlines()) == 2


@pytest.mark.parametrize("loss", [os.unlink, lambda path: os.truncate(path, 3)], ids=["removed", "cut"])
def test_a_compaction_removes_nothing_before_it_has_seen_the_merged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: Callable[[Path], None]
) -> None:
    """Where the merged file is removed or cut while it becomes durable, the files that it was made of stay."""
    root = written(tmp_path, [prediction("a")], [prediction("b")])
    real = os.fsync

    def losing(descriptor: int) -> None:
        real(descriptor)
        for merged in root.rglob("compact-*.ndjson"):
            loss(merged)

    monkeypatch.setattr(os, "fsync", losing)
    with pytest.raises(OSError, match=r"no longer there|No such file"):
        compact(FolderTarget(root))
    assert len([path for path in root.rglob("*.ndjson") if not path.name.startswith("compact-")]) == 2


def test_a_compaction_verifies_an_object_behind_a_412(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A false 412 leaves the objects that would have been merged."""
    with StorageServer("penguins") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        client = Client(client_options={"api_endpoint": server.url}, use_auth_w_custom_endpoint=False)
        for name in ("a", "b"):
            line = f"{prediction(name).model_dump_json()}\n"
            blob = client.bucket("penguins").blob(f"out/date=2026-11-22/hour=12/{name}.ndjson.gz")
            blob.upload_from_string(gzip.compress(line.encode()), if_generation_match=0)
        server.faults.inject("insert", StorageFault(status=412))
        with pytest.raises(OSError, match="does not exist"):
            compact(BucketTarget("gs://penguins/out", client))
        assert [one.reading_id for one in SelectedPredictions("gs://penguins/out")] == ["a", "b"]
        client.close()


def test_a_bucket_is_read_and_compacted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with objects and their preconditions."""
    with StorageServer("penguins") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        client = Client(client_options={"api_endpoint": server.url}, use_auth_w_custom_endpoint=False)
        for number in range(3):
            lines = f"{prediction(f'f-{number}').model_dump_json()}\n{prediction('f-9').model_dump_json()}\n"
            blob = client.bucket("penguins").blob(f"out/date=2026-11-22/hour=12/{number}.ndjson.gz")
            blob.upload_from_string(gzip.compress(lines.encode()), if_generation_match=0)
        assert [one.reading_id for one in SelectedPredictions("gs://penguins/out")] == [
            "f-0",
            "f-9",
            "f-1",
            "f-2",
        ]
        assert compact(BucketTarget("gs://penguins/out", client)).after == 1
        assert [blob.name.rpartition("/")[2][:8] for blob in client.list_blobs("penguins")] == ["compact-"]
        assert [one.reading_id for one in SelectedPredictions("gs://penguins/out")] == [
            "f-0",
            "f-9",
            "f-1",
            "f-2",
        ]
        client.close()


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


def test_only_what_would_pass_is_replayed(tmp_path: Path) -> None:
    """Every rejected reading is validated on this machine first; a dry run prints the same and sends nothing."""
    rejection(tmp_path, "good", b'{"body_mass_g": 3700}', "the model failed on it")
    rejection(tmp_path, "bad", b'{"body_mass_g": 3}', "at least 50 is needed")
    done = CliRunner().invoke(rejects, ["replay", str(tmp_path), "--dry-run"])
    assert (done.exit_code, done.stdout) == (1, "1 of 2 readings would pass; nothing was sent\n")
    assert done.stderr == "bad: body_mass_g: at least 50 is needed\n"
    one = CliRunner().invoke(rejects, ["replay", str(tmp_path), "--dry-run", "--reason", "model failed"])
    assert (one.exit_code, one.stdout) == (0, "1 of 1 readings would pass; nothing was sent\n")


def test_rows_of_a_table_have_the_attributes_of_the_line_before_them(tmp_path: Path) -> None:
    """A worker writes them once a message; shown and replayed, each row has them, and no other message's."""
    for name, attributes in (("m1", {"station": "north"}), ("m2", {})):
        for row in range(3):
            rejection(
                tmp_path,
                f"{name}-{row}",
                b'{"body_mass_g": 3700}',
                "x",
                message_id=name,
                row=row,
                attributes=None if row else attributes,
            )
    found = {one.reading_id: one.attributes for one in rejected(str(tmp_path), ReplayFilter())}
    assert found == {
        **{f"m1-{row}": {"station": "north"} for row in range(3)},
        **{f"m2-{row}": {} for row in range(3)},
    }
    (alone,) = rejected(str(tmp_path), ReplayFilter(reading_id="m1-2"))
    assert alone.attributes == {"station": "north"}


def test_a_replayed_reading_keeps_its_identity_and_names_its_lineage(tmp_path: Path, broker: str) -> None:
    """It arrives under the name it was rejected by, with the message it came in and its own attributes."""
    import grpc  # noqa: PLC0415  the same
    from google.pubsub_v1 import PublisherClient, SubscriberClient  # noqa: PLC0415  half a second
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport  # noqa: PLC0415  the same
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport  # noqa: PLC0415  the same

    topic, subscription = "projects/p/topics/replayed", "projects/p/subscriptions/replayed"
    rejection(tmp_path, "12-3", b'{"body_mass_g": 3700}', "x", attributes={"station": "north"})
    with grpc.insecure_channel(broker) as channel:
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=topic)
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        subscriber.create_subscription(name=subscription, topic=topic)
        done = CliRunner().invoke(rejects, ["replay", str(tmp_path), "--topic", topic, "--broker", broker])
        assert (done.exit_code, done.stdout) == (0, "1 of 1 readings sent again\n"), done.output
        (received,) = subscriber.pull(subscription=subscription, max_messages=10).received_messages
    assert json.loads(received.message.data) == {"body_mass_g": 3700, "reading_id": "12-3"}
    assert dict(received.message.attributes) == {
        "rookery_schema": "1",
        "rookery_replay_of": "m-12-3",
        "station": "north",
    }


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


def test_lines_of_earlier_versions_are_readings_of_their_own_publish_times(tmp_path: Path) -> None:
    """A bare message id that was written after a broker's restart as well is another reading, in every reader."""
    times = [NOON, NOON.replace(hour=13), NOON]
    lines = [prediction("1", published_at=moment) for moment in times]
    written(tmp_path, lines)
    chosen = SelectedPredictions(str(tmp_path))
    assert export(chosen, tmp_path / "out.csv", labels=Labels()) == 2
    assert chosen.duplicates == 1
    assert len([*predictions(tmp_path)]) == 2


def test_no_cell_of_an_export_is_a_formula(tmp_path: Path) -> None:
    """Texts of readings are texts to a spreadsheet, numbers are numbers, and Parquet holds every text as it is."""
    texts = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "a\r=1", "-1.5", "plain"]
    lines = [
        prediction(f"{text}-{nth}", text, device_id=text, model=text, message_id=text, missing=(text,))
        for nth, text in enumerate(texts)
    ]
    root, labels = written(tmp_path / "in", lines), Labels([("plain-8", "=1+1")])
    for name in ("out.csv", "out.parquet"):
        assert export(SelectedPredictions(str(root)), tmp_path / name, labels=labels) == len(texts)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if re.match(r"\s*[=+@-]|[\t\r]", cell) and cell != "-1.5"] == []
    place = COLUMNS.index("device_id")
    assert [unguarded(row[place]) for row in rows] == texts
    assert rows[0][place] == "'=1+1"
    assert rows[0][COLUMNS.index("probability")] == "0.9"
    assert parquet.read_table(tmp_path / "out.parquet").column("device_id").to_pylist() == texts


@pytest.mark.parametrize(("chosen", "mode"), [("", 0o600), ("0640", 0o640)])
def test_an_export_is_its_users_alone_or_as_it_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, mode: int
) -> None:
    """CSV, spreadsheet and Parquet alike; ROOKERY_FILE_MODE lets others read them."""
    monkeypatch.setenv("ROOKERY_FILE_MODE", chosen)
    root = written(tmp_path / "in", [prediction("a")])
    for name in ("out.csv", "out.xlsx", "out.parquet"):
        export(SelectedPredictions(str(root)), tmp_path / name, labels=Labels())
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o750, 0o640), (0o755, 0o644)])
def test_a_compacted_file_is_read_by_those_who_read_its_folder(
    tmp_path: Path, folder: int, file: int
) -> None:
    """The users who could read the small files can read the large one, and no others."""
    root = written(tmp_path, [prediction("a")], [prediction("b")])
    (root / "date=2026-11-22/hour=12").chmod(folder)
    compact(FolderTarget(root))
    (merged,) = root.rglob("*.ndjson")
    assert stat.S_IMODE(merged.stat().st_mode) == file


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


def test_labels_that_differ_by_capitals_alone_have_columns_of_their_own() -> None:
    """A probability is exported for each label, also where small letters would make two labels one."""
    readers = ExportColumns("verdict", ("A", "a")).readers
    assert [name for name in readers if name.startswith("probability_")] == ["probability_A", "probability_a"]
