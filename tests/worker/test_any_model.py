"""A worker process with a model of the user's: readings, tables, refusals and predict calls by its contract alone."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from rookery.environment.process import worker
from tests.worker.artifacts import CHURN, IRIS, artifact

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.schemas.contract.contract import Contract

READINGS: dict[str, tuple[Contract, dict[str, Any], dict[str, Any], str]] = {
    "iris": (
        IRIS,
        {"sepal length (cm)": 5.1, "sepal.width": -1.5, "petals": 4, "bloom %d": True},
        {"sepal length (cm)": 31},
        "petals",
    ),
    "churn": (CHURN, {"months": 7, "plan": "null", "bill": 1e-5}, {"plan": "Pro"}, "plan"),
}


def post(url: str, body: Any) -> tuple[int, bytes]:
    request = urllib.request.Request(url, json.dumps(body).encode())  # noqa: S310  a worker of this test
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310  the same
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def pushed(fields: Any, name: str) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(fields).encode()).decode()
    return {"message": {"data": data, "messageId": name}, "subscription": "s"}


def lines(root: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line) for file in sorted(root.rglob("*.ndjson")) for line in file.read_text().splitlines()
    ]


@pytest.mark.parametrize("name", READINGS)
def test_a_worker_serves_a_model_of_any_contract(tmp_path: Path, name: str) -> None:
    """A pushed reading, a table with a bad row, a refused reading and a predict call: each answer is named by the contract."""
    contract, good, bad, at_fault = READINGS[name]
    model = tmp_path / "own.ubj"
    model.write_bytes(artifact(contract))
    folders = {"results": tmp_path / "results", "rejects": tmp_path / "rejects"}
    with worker(tmp_path, **folders, settings={"ROOKERY_MODEL": str(model)}) as process:
        address = process.address()
        columns = {key: [value, bad.get(key), value] for key, value in good.items()}
        for body, message in ((good, "one"), (columns, "table"), (bad, "refused")):
            assert post(f"{address}/", pushed(body, message)) == (204, b"")
        status, answer = post(f"{address}/predict", good)
        assert status == 200
        (predicted,) = json.loads(answer)["predictions"]
        status, answer = post(f"{address}/predict", bad)
        assert status == 422
        assert process.stop() == 0, process.tail()
    found = lines(folders["results"])
    assert sorted((line["message_id"], line["row"]) for line in found if line["row"] is not None) == [
        ("table", 0),
        ("table", 2),
    ]
    assert len(found) == 3
    of_a_call = ("message_id", "reading_id", "row", "published_at", "predicted_at", "features")
    for line in found:
        assert {key: value for key, value in line.items() if key not in of_a_call} == {
            key: value for key, value in predicted.items() if key not in of_a_call
        }
    assert predicted[contract.target] in contract.labels
    assert predicted["out_of_distribution"] is None
    refused = lines(folders["rejects"])
    assert sorted((line["message_id"], line["row"]) for line in refused if line["row"] is not None) == [
        ("table", 1)
    ]
    for line in refused:
        assert at_fault in {reason["field"] for reason in line["reasons"]}
    assert at_fault in json.dumps(json.loads(answer)["rejections"])
