"""predict: a frame classified in the process, with a worker's own rules and answers."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from decimal import Decimal
from pathlib import Path

import aiohttp
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import rookery
from rookery.frames.errors import BadFrameError
from rookery.frames.libraries import library
from rookery.schemas.codec import encode
from rookery.schemas.reading import Reading
from rookery.schemas.segment import segments, whole
from rookery.schemas.testing import ReadingFactory
from rookery.training.testing import variant
from rookery.worker.app import running
from rookery.worker.models.loader import SHIPPED, ModelRefusedError
from rookery.worker.settings import Settings

PENGUINS = Path(__file__).parents[3] / "data" / "penguins.csv"


async def test_predict_answers_what_a_push_answers(tmp_path: Path) -> None:
    """Species, probability, out-of-distribution and missing features of the same readings are equal to the last digit."""
    readings = ReadingFactory(3).readings(400, prefix="same")
    frame = pd.DataFrame([one.model_dump() for one in readings])
    settings = Settings(
        port=0, results=f"file://{tmp_path}/results", rejects=f"file://{tmp_path}/rejects", push_auth="none"
    )
    async with running(settings) as address, aiohttp.ClientSession() as session:
        for number, reading in enumerate(readings):
            message = {"data": base64.b64encode(encode(reading)).decode(), "messageId": str(number)}
            body = {"message": message, "subscription": "projects/p/subscriptions/s"}
            async with session.post(f"{address}/", json=body) as answer:
                assert answer.status == 204
    lines = [
        json.loads(line)
        for file in segments(tmp_path / "results")
        for line in whole(file.read_bytes()).splitlines()
    ]
    pushed = {line["reading_id"]: line for line in lines}
    assert len(pushed) == 400
    predicted = await asyncio.to_thread(rookery.predict, frame)
    for name, row in zip(frame["reading_id"], predicted.itertuples(), strict=True):
        line = pushed[name]
        assert (row.species, row.probability, bool(row.out_of_distribution), row.missing) == (
            line["species"],
            line["probability"],
            line["out_of_distribution"],
            "|".join(line["missing"]),
        )


def test_the_data_set_is_predicted_row_by_row_under_its_own_index() -> None:
    """Each row is answered under the frame's index; the two penguins without measurements have a reason and NaN."""
    frame = pd.read_csv(PENGUINS).sample(frac=1, random_state=1)
    predicted = rookery.predict(frame)
    assert predicted.index.equals(frame.index)
    assert list(predicted.columns) == ["species", "probability", "out_of_distribution", "missing", "reason"]
    rejected = predicted[predicted["reason"].notna()]
    assert sorted(rejected.index) == [3, 271]
    assert rejected.drop(columns="reason").isna().all(axis=None)
    answered = predicted[predicted["reason"].isna()]
    assert (answered["species"].astype(str) == frame.loc[answered.index, "species"]).mean() > 0.98
    assert predicted["species"].cat.categories.tolist() == ["Adelie", "Chinstrap", "Gentoo"]
    assert predicted.dtypes.astype(str).tolist() == ["category", "float64", "boolean", "string", "string"]


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_the_dtypes_of_a_frame_change_no_answer(backend: str) -> None:
    """Nullable, Arrow-backed, categorical and integer columns hold the same readings."""
    frame = pd.read_csv(PENGUINS)
    expected = rookery.predict(frame)
    assert_frame_equal(rookery.predict(frame.convert_dtypes(dtype_backend=backend)), expected)
    assert_frame_equal(rookery.predict(frame.astype({"sex": "category", "island": "category"})), expected)
    assert_frame_equal(rookery.predict(frame.astype(object)), expected)


def test_a_row_is_rejected_alone_with_every_reason_in_the_contract_s_words() -> None:
    """Booleans, infinities, texts, lists, numbers as categories and impossible values are refused, each cell by name."""
    frame = pd.DataFrame(
        {
            "bill_length_mm": [39.1, np.inf, True, "x", 10**400, b"39", [39.1], "\ud800", Decimal("39.1")],
            "sex": ["M", "f", None, 1, "?", pd.NA, 2.0, "male", np.str_("female")],
            "year": [2007.0, np.nan, "2007-01-01", "1.5", 1800, 2008, pd.Timestamp("2009-01-01"), 2009, 2009],
            "reading_id": [1234567890123456, 2.0, "a\nb", "d", "e", "f", "g", "h", "i"],
        },
        dtype=object,
    )
    reasons = rookery.predict(frame)["reason"].fillna("").tolist()
    assert [nth for nth, reason in enumerate(reasons) if not reason] == [0, 8]
    assert reasons[1] == "bill_length_mm: a finite number is needed, not Infinity"
    assert "bill_length_mm: a number is needed, not true" in reasons[2]
    assert "reading_id: text without control characters is needed" in reasons[2]
    for field in ("bill_length_mm: a number", "year: a whole number", "sex: one of"):
        assert field in reasons[3]
    for nth in (4, 5, 6, 7):
        assert "bill_length_mm: " in reasons[nth]


def test_headers_are_understood_as_in_a_csv_file_and_doubts_are_asked() -> None:
    """Names of penguins-raw are known; a column that may be a measurement is asked for, in the words of the argument."""
    frame = pd.read_csv(PENGUINS)
    expected = rookery.predict(frame)
    raw = {"bill_length_mm": "Culmen Length (mm)", "bill_depth_mm": "Culmen Depth (mm)", "sex": "Sex"}
    assert_frame_equal(rookery.predict(frame.rename(columns=raw)), expected)
    unclear = frame.rename(columns={"bill_length_mm": "beak"})
    with pytest.raises(BadFrameError, match=r"mapping=\{'beak': 'bill_length_mm'\}"):
        rookery.predict(unclear)
    assert_frame_equal(rookery.predict(unclear, mapping={"beak": "bill_length_mm"}), expected)
    with pytest.raises(BadFrameError, match="at least one column"):
        rookery.predict(frame[["species"]])
    with pytest.raises(TypeError, match="DataFrame is needed, not dict"):
        rookery.predict({"bill_length_mm": [39.1]})  # type: ignore[arg-type]  # on purpose


def test_a_frame_without_rows_gives_one_without_rows() -> None:
    """The columns and dtypes are those of any other answer."""
    frame = pd.read_csv(PENGUINS)
    assert_frame_equal(rookery.predict(frame.iloc[:0]), rookery.predict(frame).iloc[:0])


def test_the_model_that_is_named_answers_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    """A path names another model than the shipped one; a file that is none is refused with its reasons."""
    (tmp_path / "small.ubj").write_bytes(variant(SHIPPED.read_bytes(), rounds=4))
    (tmp_path / "damaged.ubj").write_bytes(SHIPPED.read_bytes()[:-100])
    frame = pd.DataFrame([Reading(bill_length_mm=39.1, sex="male").model_dump()])
    shipped, small = (
        rookery.predict(frame, model)["probability"][0] for model in (None, tmp_path / "small.ubj")
    )
    assert shipped != small
    with pytest.raises(ModelRefusedError):
        rookery.predict(frame, tmp_path / "damaged.ubj")


def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra `frames` says how to install it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"pandas is needed: pip install '.\[frames\]'"):
        library("pandas")
