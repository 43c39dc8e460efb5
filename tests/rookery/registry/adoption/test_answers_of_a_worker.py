"""The saved models behind a worker: what is pushed is answered as predict_proba answers, model by model."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import pytest

from rookery.registry.adoption.adoption import adopt
from rookery.schemas.prediction import Prediction
from rookery.worker.app import running
from rookery.worker.settings import Settings
from tests.rookery.registry.adoption.saved_models import MODELS, SavedModel, file_of
from tests.rookery.registry.adoption.test_saved_models import LABEL, readings, sample_of

if TYPE_CHECKING:
    from pathlib import Path

ROWS_PER_TABLE = 100


def push_body(fields: dict[str, Any], name: str) -> bytes:
    data = base64.b64encode(json.dumps(fields).encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": name}, "subscription": "s"}).encode()


@pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name.replace(" ", "-"))
async def test_every_row_that_is_pushed_is_answered_as_predict_proba(
    case: SavedModel, models: Path, tmp_path: Path
) -> None:
    """Tables, and the first rows one by one: each label's share is predict_proba's to 1e-6, and no row is refused."""
    path = models / file_of(case)
    adopted = adopt(path.read_bytes(), name="saved", sample=sample_of(case.table, tmp_path), label=LABEL)
    own = tmp_path / "own.ubj"
    own.write_bytes(adopted.artifact)
    names = adopted.card.contract.names
    rows = [dict(zip(names, each.values(), strict=True)) for each in readings(case.table)]
    settings = Settings(
        port=0,
        model=str(own),
        results=f"file://{tmp_path}/results",
        rejects=f"file://{tmp_path}/rejects",
        compiled_forest="off",
    )
    async with running(settings) as address, aiohttp.ClientSession() as client:
        for first in range(0, len(rows), ROWS_PER_TABLE):
            part = rows[first : first + ROWS_PER_TABLE]
            table: dict[str, Any] = {name: [row[name] for row in part] for name in names}
            table["reading_id"] = [f"row-{first + nth}" for nth in range(len(part))]
            async with client.post(address, data=push_body(table, f"table-{first}")) as answer:
                assert answer.status == 204
        for nth, row in enumerate(rows[:5]):
            async with client.post(
                address, data=push_body({**row, "reading_id": f"one-{nth}"}, f"m{nth}")
            ) as answer:
                assert answer.status == 204
    assert not [*(tmp_path / "rejects").rglob("*.ndjson")]
    said = [
        Prediction.model_validate_json(line)
        for file in (tmp_path / "results").rglob("*.ndjson")
        for line in file.read_text().splitlines()
    ]
    expected = np.load(path.with_suffix(".npy"))
    assert len(said) == len(rows) + 5
    for each in said:
        shares = np.array([*each.shares.values()])
        assert [*each.shares] == [*adopted.card.contract.labels]
        # A line has six digits of a share.
        assert np.abs(shares - expected[int(each.reading_id.split("-")[1])]).max() <= 1e-6
