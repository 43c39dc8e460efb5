"""Lines of any contract: equal to the plain JSON of the same answers, however they are written."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
import pytest

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.example import example_fields
from rookery.schemas.envelope import Envelope
from rookery.schemas.identity import identity
from rookery.worker.decoding.message import decode_message, feature_matrix
from rookery.worker.encoding.feature_sample import sample_features
from rookery.worker.encoding.fixed_width import FixedWidthLines
from rookery.worker.encoding.lines import encode_lines
from rookery.worker.encoding.table_lines import LEAST_ROWS
from rookery.worker.inference.bisection import BatchResult
from rookery.worker.inference.classifier import Predictions
from rookery.worker.observability.observer import BatchPart
from tests.schemas.contract.random_contracts import RandomContracts
from tests.worker.artifacts import CHURN, IRIS, wide

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.worker.decoding.message import DecodedMessage

AT: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROWS: Final = LEAST_ROWS + 3


class Drawn:
    """Messages and answers of a contract, from a seed."""

    def __init__(self, contract: Contract, seed: int) -> None:
        self.contract = CompiledContract(contract)
        self.random = random.Random(seed)  # noqa: S311  not secret
        self.numbers = np.random.default_rng(seed)

    def reading(self) -> dict[str, Any]:
        """A valid reading without some of what may be missing."""
        fields = example_fields(self.contract.contract)
        for name in self.random.sample(self.contract.names, self.random.randint(0, len(self.contract.names))):
            without = {**fields, name: None}
            if name not in self.contract.required and self.contract.lacking(without) is None:
                fields = without
        return fields

    def messages(self) -> list[DecodedMessage]:
        """Readings alone and tables, short ones and one that is written by columns, with a refused message between."""
        rows = [self.reading() for _ in range(ROWS + 9)]
        tables = [rows[:3], rows[3:9], rows[9:]]
        bodies: list[Any] = [self.reading(), self.reading(), {"no such field": 1}]
        for table in tables:
            if self.random.random() < 0.2 and len(table) == ROWS:
                continue
            columns = {name: [row.get(name) for row in table] for name in self.contract.names}
            if self.random.random() < 0.5:
                columns["reading_id"] = [f"r{nth}" if nth % 2 else None for nth in range(len(table))]
            bodies.append(columns)
        return [
            decode_message(
                Envelope(f"m{nth}", body=orjson.dumps(body), published_at=AT if nth % 2 else None),
                self.contract,
            )
            for nth, body in enumerate(bodies)
        ]

    def answers(self, rows: int) -> Predictions:
        labels = len(self.contract.contract.labels)
        shares = self.numbers.dirichlet([0.2] * labels, rows).astype(np.float32)
        far = None if self.random.random() < 0.3 else self.numbers.random(rows) < 0.2
        return Predictions(self.contract, shares, self.numbers.integers(0, labels, rows), far, "model")


def plainly(messages: list[DecodedMessage], rows: Any, run: Predictions) -> list[list[dict[str, Any]]]:
    """The lines of each message's predictions as the format's document has them."""
    contract = run.contract.contract
    lines, at = [], 0
    for message in messages:
        own = []
        for nth in range(message.usable):
            shares = [float(share.round(6)) for share in run.probabilities[at].astype(np.float64)]
            answer = run.label_indices[at]
            row = message.positions[nth] if len(message.positions) else None
            ids = orjson.loads(message.envelope.payload).get("reading_id")
            far = run.out_of_distribution
            own.append(
                {
                    "reading_id": (ids[row] if ids else None)
                    or identity(None, message.envelope.identity, row),
                    "message_id": message.envelope.message_id,
                    "row": row,
                    "device_id": None,
                    "observed_at": None,
                    contract.target: contract.labels[answer],
                    "probability": shares[answer],
                    "probabilities": dict(zip(contract.labels, shares, strict=True))
                    if contract.labels_are_columns
                    else [
                        {"label": label, "share": share}
                        for label, share in zip(contract.labels, shares, strict=True)
                    ],
                    "out_of_distribution": None if far is None else bool(far[at]),
                    "missing": [
                        name for name, cell in zip(contract.names, rows[at], strict=True) if np.isnan(cell)
                    ],
                    "model": "model",
                    "published_at": "2026-11-23T12:00:00Z" if message.envelope.published_at else None,
                    "predicted_at": "2026-11-23T12:00:00Z",
                }
            )
            at += 1
        lines.append(own)
    return lines


CONTRACTS: Final = {
    "iris": IRIS,
    "churn": CHURN,
    "62 features": wide(62),
    "63 features": wide(63),
    "300 features": wide(300),
    **{f"random {seed}": RandomContracts(seed).contract() for seed in range(60)},
}


@pytest.mark.parametrize(("name", "contract"), CONTRACTS.items(), ids=CONTRACTS)
def test_lines_are_the_plain_json_of_their_answers(name: str, contract: Contract) -> None:
    """Target, labels of any text, shares, missing names and identity: alone, in a table, and by columns, field by field."""
    drawn = Drawn(contract, seed=len(name))
    messages = drawn.messages()
    rows = feature_matrix(messages, drawn.contract)
    run = drawn.answers(len(rows))
    result = BatchResult([(0, run)])
    encoded = encode_lines(messages, rows, result, at=AT, revision="r")
    found = [[orjson.loads(line) for line in each.predictions] for each in encoded]
    expected = plainly(messages, rows, run)
    assert found == expected
    for lines, wanted in zip(found, expected, strict=True):
        assert [[*line] for line in lines] == [[*line] for line in wanted]
    part = BatchPart(messages, rows, result, encoded)
    sample_features(part, most=10_000)
    for message, lines in zip(messages, encoded, strict=True):
        payload = orjson.loads(message.envelope.payload)
        for nth, line in enumerate(lines.predictions):
            written = {key: payload.get(key) for key in contract.names}
            if len(message.positions):
                written = {key: None if column is None else column[nth] for key, column in written.items()}
            assert orjson.loads(line)["features"] == written


def test_a_wide_table_is_written_by_columns() -> None:
    """Three hundred features are no reason to write line by line."""
    drawn = Drawn(wide(300), seed=1)
    fields = example_fields(drawn.contract.contract)
    body = orjson.dumps({name: [value] * 200 for name, value in fields.items()})
    message = decode_message(Envelope("m", body=body), drawn.contract)
    rows = feature_matrix([message], drawn.contract)
    (lines,) = encode_lines([message], rows, BatchResult([(0, drawn.answers(200))]), at=AT, revision="r")
    assert isinstance(lines.predictions, FixedWidthLines)
