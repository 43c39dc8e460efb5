"""Inspection: what is wrong is said as before, and said in bounded memory."""

from __future__ import annotations

import contextlib
import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.schemas.codec import DecodedTable, decode, decode_reading, peek_identity
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.parsing import table_inspection
from rookery.schemas.parsing.inspection import inspected
from rookery.schemas.parsing.table_inspection import CELLS_AT_ONCE, EVERY_REASON_ROWS
from rookery.schemas.parsing.values import MAX_NESTED, MAX_VALUES, parsed
from rookery.schemas.reading import MAX_IDENTITY, Reading
from rookery.schemas.rejection import MAX_REASONS, MORE, VALUE_LENGTH, Reason, UnusableReadingError

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = Reason(field=MORE, rule="and 480 more")


def refusal(payload: bytes) -> tuple[Reason, ...]:
    with pytest.raises(UnusableReadingError) as refused:
        decode(payload)
    return refused.value.reasons


def table(columns: dict[str, Any]) -> DecodedTable:
    decoded = decode(json.dumps(columns).encode())
    assert isinstance(decoded, DecodedTable)
    return decoded


def test_a_reading_of_many_unknown_fields_names_the_first_and_counts_the_others() -> None:
    """As many reasons as can be read, and how many more there are."""
    reasons = refusal(json.dumps({"year": "x", **{f"f{nth}": nth for nth in range(499)}}).encode())
    assert reasons[0] == Reason(field="year", rule="a whole number is needed", value='"x"')
    assert reasons[1] == Reason(field="f0", rule="unknown field", value="0")
    assert (len(reasons), reasons[-1]) == (MAX_REASONS + 1, LAST)


def test_a_table_that_is_wrong_as_a_whole_counts_its_cells_too() -> None:
    """Structure first, then the first cells, then how many more, unknown columns included."""
    unknown = {f"f{nth}": [nth] for nth in range(100)}
    reasons = refusal(json.dumps({"year": ["x"] * 400, **unknown}).encode())
    assert [each.rule for each in reasons[:-1]] == ["unknown field"] * MAX_REASONS
    assert reasons[-1] == LAST
    reasons = refusal(json.dumps({"year": ["x"] * 499, "sex": []}).encode())
    assert [each.field for each in reasons] == [
        "sex",
        "table",
        *(f"year.{row}" for row in range(MAX_REASONS - 2)),
        MORE,
    ]
    assert reasons[-1] == Reason(field=MORE, rule="and 481 more")


def test_the_first_refused_rows_name_every_reason_and_the_others_the_first() -> None:
    """A table of a hundred thousand bad rows says of each what is wrong, and not of each everything."""
    refused = table({"year": ["x"] * (EVERY_REASON_ROWS + 1), "sex": ["x"] * (EVERY_REASON_ROWS + 1)}).refused
    assert [each.row for each in refused] == [*range(EVERY_REASON_ROWS + 1)]
    assert {tuple(reason.field for reason in each.reasons) for each in refused[:-1]} == {("year", "sex")}
    assert refused[-1].reasons == (refused[0].reasons[0], Reason(field=MORE, rule="and 1 more"))


@pytest.mark.parametrize("name", [*Reading.model_fields, "n" * 10_000])
@pytest.mark.parametrize("value", ["v" * 10_000, {"m" * 10_000: "v"}, 10**3_000])
def test_names_rules_and_values_are_shortened_however_long_they_are(name: str, value: object) -> None:
    """A reason holds some hundred characters of what may be millions."""
    for reason in refusal(json.dumps({name: value}).encode()):
        assert len(reason.field) <= VALUE_LENGTH
        assert len(reason.rule) <= VALUE_LENGTH
        assert len(reason.value or "") <= VALUE_LENGTH


@pytest.mark.parametrize(
    ("length", "expected"), [(MAX_IDENTITY, "n" * MAX_IDENTITY), (MAX_IDENTITY + 1, None)]
)
def test_what_is_too_long_for_an_identity_is_none(length: int, expected: str | None) -> None:
    """It would be in every line, window and log; the original keeps it."""
    named = {"reading_id": "n" * length, "device_id": "n" * length}
    assert peek_identity(json.dumps(named).encode()) == (expected, expected)
    (refused,) = table({"year": [1], **{name: [word] for name, word in named.items()}}).refused
    assert (refused.reading_id, refused.device_id) == (expected, expected)
    assert json.loads(b64decode(refused.original)) == {"year": 1, **named}


@pytest.mark.parametrize(
    ("payload", "most"),
    [
        (b'{"year":[' + b"1," * MAX_VALUES + b"1]}", f"{MAX_VALUES} values"),
        (b'{"year":[' + b"[]," * MAX_NESTED + b"1]}", f"{MAX_NESTED} names, arrays and objects"),
        (b"[" + b"{}," * MAX_NESTED + b"1]", f"{MAX_NESTED} names, arrays and objects"),
    ],
)
def test_more_values_than_a_table_may_have_are_refused_before_they_are_read(
    payload: bytes, most: str
) -> None:
    """One reason for the whole message, whatever they are."""
    assert refusal(payload) == (Reason(field="reading", rule=f"at most {most} are possible"),)


def test_an_object_too_large_to_be_read_names_its_first_unknown_fields() -> None:
    """And how many names there are behind them, its identity with them."""
    members = ",".join(f'"f{nth}":1' for nth in range(MAX_NESTED))
    with pytest.raises(UnusableReadingError) as refused:
        decode(b'{"reading_id":"r",%b}' % members.encode())
    reasons = refused.value.reasons
    assert [each.field for each in reasons] == [
        "reading",
        *(f"f{nth}" for nth in range(MAX_REASONS - 1)),
        MORE,
    ]
    assert reasons[-1].rule == f"and {MAX_NESTED - MAX_REASONS + 1} more"
    assert refused.value.names == ("r", None)


def test_brackets_and_commas_in_texts_are_no_values() -> None:
    """A text is one value, with any quotes and backslashes in it."""
    text = '{[,:"\\' * (MAX_VALUES // 2)
    assert parsed(json.dumps({"device_id": text}).encode()) == {"device_id": text}


CELLS = st.one_of(
    st.none(),
    st.just(40),
    st.sampled_from(
        ["male", "", "x" * 1_001, "2026-11-23T12:00:00Z", float("nan"), True, [], {"a": 1}, 10**400]
    ),
)


@given(st.dictionaries(st.sampled_from([*Reading.model_fields]), st.tuples(CELLS, CELLS, CELLS), min_size=1))
def test_every_row_of_a_slice_is_validated_as_it_would_be_alone(columns: dict[str, tuple[Any, ...]]) -> None:
    """A row is usable or refused for the same reasons as the reading that it is, wherever slices begin."""
    rows = CELLS_AT_ONCE // len(default_compiled().members) + 3
    whole = {name: [cells[row % 3] for row in range(rows)] for name, cells in columns.items()}
    decoded = inspected(json.dumps(whole).encode(), default_compiled())
    assert isinstance(decoded, DecodedTable)
    assert sorted([*decoded.positions, *(each.row or 0 for each in decoded.refused)]) == [*range(rows)]
    for refused in decoded.refused:
        with pytest.raises(UnusableReadingError) as alone:
            decode_reading(b64decode(refused.original))
        assert refused.reasons == alone.value.reasons
    if decoded.table is not None:
        assert all(len(cells) == len(decoded.positions) for cells in vars(decoded.table).values() if cells)


def test_it_pauses_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that other threads get the interpreter, in a sound table as in one that is wrong as a whole."""
    monkeypatch.setattr(table_inspection, "CELLS_AT_ONCE", 2 * len(default_compiled().members))
    assert pauses(lambda pause: inspected(b'{"year":[1,1,1,1,1]}', default_compiled(), pause=pause)) == 3
    assert (
        pauses(lambda pause: inspected(b'{"year":[1,1,1,1,1],"a":1}', default_compiled(), pause=pause)) == 3
    )


def pauses(call: Callable[[Callable[[], object]], object]) -> int:
    count: list[None] = []
    with contextlib.suppress(UnusableReadingError):
        call(lambda: count.append(None))
    return len(count)
