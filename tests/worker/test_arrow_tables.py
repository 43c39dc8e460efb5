"""Arrow tables through a running worker: the same answers as JSON, pushed and asked for."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pyarrow as pa

from rookery.schemas.codec import ARROW_STREAM, encode
from rookery.schemas.testing import ReadingFactory
from tests.worker.decoding.arrow.streams import stream
from tests.worker.test_app import lines, push_body, running, settings

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1_000
SAME = ("row", "species", "probability", "probabilities", "out_of_distribution", "missing", "device_id")


async def test_a_pushed_arrow_table_gets_the_same_predictions_as_json(tmp_path: Path) -> None:
    """Bit for bit, with its bad row refused for the same reason and kept as JSON."""
    table = json.loads(encode(ReadingFactory(3).table(ROWS)))
    table["body_mass_g"][7] = -1.0
    payloads = (json.dumps(table).encode(), stream(pa.table(table), 300))
    found: list[tuple[Any, Any]] = []
    for nth, payload in enumerate(payloads):
        folder = tmp_path / str(nth)
        attributes = {"content-type": ARROW_STREAM} if nth else {}
        async with (
            running(settings(folder)) as address,
            aiohttp.ClientSession(address) as client,
            client.post("/", data=push_body(payload, attributes=attributes)) as answer,
        ):
            assert answer.status == 204
        predicted = [{name: line[name] for name in SAME} for line in lines(folder, "results")]
        (refused,) = lines(folder, "rejects")
        found.append(
            (
                predicted,
                (refused["row"], refused["reasons"], json.loads(base64.b64decode(refused["original"]))),
            )
        )
    assert len(found[0][0]) == ROWS - 1
    assert found[0] == found[1]


async def test_predict_takes_an_arrow_table(tmp_path: Path) -> None:
    """Its bytes say what it is, without any header."""
    table = {"bill_length_mm": [40.0, -1.0, None], "flipper_length_mm": [190, 190, 210]}
    async with running(settings(tmp_path)) as address, aiohttp.ClientSession(address) as client:
        async with client.post("/predict", data=stream(pa.table(table))) as answer:
            said = await answer.json()
        assert [line["row"] for line in said["predictions"]] == [0, 2]
        assert said["rejections"][0]["reasons"][0]["field"] == "bill_length_mm"
        async with client.post("/predict", data=stream(pa.table(table))[:-8]) as answer:
            assert answer.status == 422
            (refused,) = (await answer.json())["rejections"]
    assert refused["reasons"][0]["rule"].startswith("a whole Arrow stream is needed")
