"""Any bytes have an answer of the schemas and the pipeline: hypothesis searches for those that fail."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rookery.schemas.codec import DecodedTable, decode, decode_fields
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import Envelope, InvalidEnvelopeError, unwrapped, wrapped
from rookery.schemas.prediction import Prediction
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import Reason, Rejection, UnusableReadingError
from rookery.worker.decoding import payload as payload_module
from rookery.worker.decoding.message import decode_message, feature_matrix
from tests.worker.decoding.json_cells import any_cells, mangled, random_contract, right_cells, seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.contract.compiled import CompiledContract, Fields
    from tests.worker.conftest import House

NAMES = st.sampled_from([*Reading.model_fields, "wings", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["male", "Dream"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=8).map(
    lambda fields: json.dumps(fields).encode(errors="replace")
)
TABLES = st.dictionaries(
    NAMES, st.lists(st.none() | st.floats(5, 60) | VALUES, min_size=2, max_size=2), min_size=1, max_size=8
).map(lambda columns: json.dumps(columns).encode(errors="replace"))
PAYLOADS = st.binary() | OBJECTS | TABLES


@given(PAYLOADS | VALUES.map(lambda value: json.dumps({"message": value}).encode(errors="replace")))
def test_any_body_is_an_envelope_or_is_refused_as_none(body: bytes) -> None:
    """Nothing else ever comes out of reading one."""
    with contextlib.suppress(InvalidEnvelopeError):
        assert wrapped(body).message_id


@given(
    st.dictionaries(
        st.sampled_from(["x-goog-pubsub-message-id", "x-goog-pubsub-publish-time", "a"]), st.text()
    )
)
def test_any_headers_are_an_envelope_or_are_refused_as_none(headers: dict[str, str]) -> None:
    """The same for the unwrapped form."""
    with contextlib.suppress(InvalidEnvelopeError):
        assert unwrapped(b"{}", headers).message_id


def decoded_or_reasons(payload: bytes) -> Reading | DecodedTable | tuple[Reason, ...]:
    try:
        return decode(payload)
    except UnusableReadingError as unusable:
        return unusable.reasons


@given(PAYLOADS)
@settings(max_examples=200)
def test_any_payload_is_readings_or_says_every_reason_why_not(payload: bytes) -> None:
    """Decoding gives a reading, a table whose rows are all accounted for, or reasons."""
    decoded = decoded_or_reasons(payload)
    assert decoded
    if isinstance(decoded, DecodedTable):
        rows = [*decoded.positions, *(one.row for one in decoded.refused)]
        assert sorted(rows, key=lambda row: row or 0) == list(range(len(rows)))


def draw_payload(data: st.DataObject, contract: CompiledContract) -> bytes:
    """A reading or a table by a contract, some of whose cells and bytes may be anything."""
    names = data.draw(st.lists(st.sampled_from([*contract.members, "another"]), max_size=6))
    rows = data.draw(st.integers(0, 5))
    texts = []
    for name in names:
        right = right_cells(contract, name) if name in contract.members else ["1"]
        cells = data.draw(st.lists(st.sampled_from([*right, "null"]), min_size=rows or 1, max_size=rows or 1))
        if name in contract.members and data.draw(st.booleans()):
            cells[-1] = data.draw(any_cells(contract, name))
        texts.append(f"{json.dumps(name)}:" + (f"[{','.join(cells)}]" if rows else cells[0]))
    payload = ("{" + ",".join(texts) + "}").encode()
    return mangled(data, payload) if data.draw(st.integers(0, 3)) == 0 else payload


def fields_or_reasons(
    payload: bytes, contract: CompiledContract
) -> Fields | DecodedTable | tuple[Reason, ...]:
    try:
        return decode_fields(payload, contract)
    except UnusableReadingError as unusable:
        return unusable.reasons


@given(seeds, st.data())
@settings(max_examples=250)
def test_any_payload_is_decoded_by_any_contract_as_the_codec_does(seed: int, data: st.DataObject) -> None:
    """Whichever reader takes a message, its readings, its refused ones and its matrix are the codec's."""
    contract = random_contract(seed)
    payload = draw_payload(data, contract)
    with pytest.MonkeyPatch.context() as patch:
        # Tables of any length are read by columns.
        patch.setattr(payload_module, "WORTH_BYTES", 0)
        message = decode_message(Envelope("m", body=payload), contract)
    decoded = fields_or_reasons(payload, contract)
    if isinstance(decoded, tuple):
        assert (message.usable, [each.reasons for each in message.refused]) == (0, [decoded])
        expected = np.empty((0, len(contract.names)), dtype=np.float32)
    elif isinstance(decoded, dict):
        assert (message.usable, message.refused) == (1, ())
        expected = contract.fields_matrix([decoded])
    else:
        assert [*message.positions] == [*decoded.positions]
        assert message.refused == decoded.refused
        columns = {} if decoded.table is None else decoded.table.columns
        expected = contract.columns_matrix(columns, message.usable)
    assert feature_matrix([message], contract).tobytes() == expected.tobytes()


@given(st.lists(PAYLOADS, min_size=1, max_size=8))
# The fixture only makes houses, a new one for each example.
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_accepted_ends_as_predictions_and_rejections(
    build: Callable[..., House], payloads: list[bytes]
) -> None:
    """One line for each reading of each message, every line in the words of the schema, whatever came together."""

    async def accepted() -> tuple[House, int]:
        house = build()
        envelopes = [
            Envelope(message_id=f"m{nth}", data=base64.b64encode(payload).decode())
            for nth, payload in enumerate(payloads)
        ]
        await asyncio.gather(*map(house.pipeline.accept, envelopes))
        works = [decode_message(each, default_compiled(), kept=True) for each in envelopes]
        return house, len({key for work in works for key in work.keys})

    house, readings = asyncio.run(accepted())
    predictions = [Prediction.model_validate_json(line) for line in house.results.lines]
    rejections = [Rejection.model_validate_json(line) for line in house.rejects.lines]
    assert len(predictions) + len(rejections) == readings
    assert all(each.reasons for each in rejections)


@given(VALUES)
def test_any_attribute_survives_into_the_rejection(value: Any) -> None:
    """A value that cannot be an attribute makes no envelope; any other one is kept."""
    body = {"message": {"messageId": "m", "attributes": {"a": value}}, "subscription": "s"}
    try:
        envelope = wrapped(json.dumps(body).encode(errors="replace"))
    except InvalidEnvelopeError:
        return
    assert isinstance(envelope.attributes.get("a"), str)
