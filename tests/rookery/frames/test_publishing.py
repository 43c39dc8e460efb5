"""publish_frame: a frame over a real broker and a real worker, and back by read_predictions."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import rookery
from rookery.environment.local import Folders, staged
from rookery.publisher.errors import UnreachableError
from rookery.publisher.files.tables.size import TABLE_ROWS
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 3_000


def readings(count: int = ROWS) -> pd.DataFrame:
    """A frame of simulated readings with ids, devices, times, categories and gaps of several kinds."""
    frame = pd.DataFrame([one.model_dump() for one in ReadingFactory(5).readings(count, prefix="frame")])
    frame["observed_at"] = pd.date_range("2026-11-23", periods=count, freq="s", tz="Europe/Berlin")
    frame["device_id"] = pd.array([f"station-{nth % 7}" for nth in range(count)], dtype="string")
    return frame.astype({"sex": "category", "island": "category", "year": "Int64"})


def test_a_frame_comes_back_with_every_reading_once(tmp_path: Path) -> None:
    """Thousands of rows to predictions: none lost, none twice, dtypes kept, and `predict` answers the same."""
    frame = readings()
    frame.loc[7, "body_mass_g"] = 3.75
    frame.loc[8, "reading_id"] = frame.loc[6, "reading_id"]
    frame.loc[9, "reading_id"] = None
    with staged(Folders(tmp_path)) as environment:
        settings = PublisherSettings(broker=environment.broker)
        # The second call sends the same readings again.
        for _ in range(2):
            answers = rookery.publish_frame(frame, environment.route.topic, settings=settings)
        environment.publisher.publish_payload(b'{"body_mass_g": 3.75, "reading_id": "light"}').result()
        while len(rookery.read_predictions(environment.location.results)) < ROWS - 2:
            # Files send no event, and the broker pushes when it likes.
            time.sleep(0.1)
        environment.end_worker()
        back = rookery.read_predictions(environment.location.results)
        rejected = rookery.read_rejections(environment.location.rejects)
    assert answers.index.equals(frame.index)
    assert answers.index[answers["reason"].notna()].tolist() == [7, 8]
    assert answers.loc[7, "reason"] == "body_mass_g: at least 50 is needed, not 3.75"
    assert answers.loc[8, "reason"] == "reading_id: row 6 has it too, and each row needs its own"
    sent = answers.drop([7, 8])
    assert sent["message_id"].notna().all()
    assert sent["message_id"].value_counts().max() <= TABLE_ROWS
    assert sorted(back["reading_id"]) == sorted(sent["reading_id"])
    back = back.set_index("reading_id").loc[sent["reading_id"]].set_index(sent.index)
    expected = rookery.predict(frame).drop([7, 8])
    for name in ("species", "probability", "missing"):
        assert back[name].tolist() == expected[name].tolist(), name
    assert back["out_of_distribution"].tolist() == expected["out_of_distribution"].tolist()
    assert (back["observed_at"] == frame["observed_at"].drop([7, 8])).all()
    assert back["device_id"].tolist() == frame["device_id"].drop([7, 8]).tolist()
    assert back.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(("message_id", "device_id", "missing", "model"), "string"),
        **dict.fromkeys(("observed_at", "published_at", "predicted_at"), "datetime64[us, UTC]"),
        **{name: "float64" for name in back if name.startswith("probability")},
        "row": "Int64",
        "species": "category",
        "out_of_distribution": "bool",
    }
    assert rejected["reading_id"].tolist() == ["light"]
    assert rejected["reason"].tolist() == ["body_mass_g: at least 50 is needed, not 3.75"]
    assert rejected["original"].tolist() == ['{"body_mass_g": 3.75, "reading_id": "light"}']


def test_rows_without_ids_get_those_of_their_content(broker: str) -> None:
    """The same frame has the same identities, another one or a prefix has others; a long id makes smaller tables."""
    settings = PublisherSettings(broker=broker)
    frame = readings(40).drop(columns="reading_id").assign(device_id="d" * 200)
    topic = "projects/rookery-local/topics/nothing"
    named, again, prefixed, other = (
        rookery.publish_frame(each, topic, settings=settings, id_prefix=prefix)
        for each, prefix in ((frame, ""), (frame, ""), (frame, "june"), (frame.iloc[1:], ""))
    )
    assert named["reading_id"].tolist() == again["reading_id"].tolist()
    assert named["reading_id"].str.fullmatch("[0-9a-f]{12}-[0-9]+").all()
    assert prefixed["reading_id"].str.startswith("june-").all()
    assert not set(other["reading_id"]) & set(named["reading_id"])
    assert named["reason"].str.contains("there is no topic").all()
    assert named["message_id"].isna().all()


def test_a_broker_that_is_not_there_is_said_at_once(unused_tcp_port: int) -> None:
    """No row is tried where no connection can be made."""
    settings = PublisherSettings(broker=f"127.0.0.1:{unused_tcp_port}", give_up_s=1, attempt_s=1)
    with pytest.raises(UnreachableError):
        rookery.publish_frame(readings(3), "projects/rookery-local/topics/readings", settings=settings)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_progress_is_shown_on_a_terminal_only(
    kind: type[io.StringIO], broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook's or a script's log gets no bar."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", shown := kind())
    settings = PublisherSettings(broker=broker)
    rookery.publish_frame(readings(3), "projects/rookery-local/topics/nothing", settings=settings)
    assert ("Publishing" in shown.getvalue()) is (kind is Terminal)
