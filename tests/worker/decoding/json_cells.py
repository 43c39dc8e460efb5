"""JSON texts of cells: what a field takes at its edges, and what only looks like it."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.contract.feature import LARGEST_INTEGER
from tests.schemas.contract.random_contracts import WORDS, RandomContracts

if TYPE_CHECKING:
    from rookery.schemas.contract.feature import Feature

NUMBERS: Final = [
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "7.25",
    "0.1",
    "0.1000000000000000055511151231257827",
    "1e2",
    "1E-5",
    "-1.5e+1",
    "1e400",
    "1e-400",
    "2007",
    "2007.0",
    "55.123456789012345678",
    "9007199254740992",
    "9007199254740993",
    "-9223372036854775809",
    "18446744073709551616",
    "1" * 400,
    "3.4028234663852886e38",
    "3.4028234663852887e38",
    "340282346638528860000000000000000000001",
    "007",
    "5.",
    ".5",
    "+5",
    "1_0",
    "0x7",
    "NaN",
    "Infinity",
]
TEXTS: Final = [
    '""',
    '"a"',
    '"7"',
    '"male"',
    '"f\\u0065male"',
    '"\\ud83d\\ude00"',
    '"\\ud83d"',
    '"\\u0000"',
    '"a\\nb"',
    '"\\u007f"',
    '"\\u0085"',
    '"\\u00a0"',
    '"\\u200b"',
    '"a\tb"',
    '"[1]"',
    '"' + "é" * 200 + '"',
    '"' + "é" * 201 + '"',
    '"' + "w" * 300 + '"',
    '"' + "w" * 301 + '"',
    *(json.dumps(word) for word in WORDS),
]
TIMES: Final = [
    '"2026-11-23T12:00:00Z"',
    '"2026-11-23t12:00:00z"',
    '"2026-11-23 12:00:00.1234567+01:00"',
    '"2026-11-23T12:00:00,5Z"',
    '"2026-11-23T12:00:00"',
    '"2026-11-23T12:00Z"',
    '"2026-11-23T24:00:00Z"',
    '"2026-11-23T23:59:60Z"',
    '"2026-02-30T12:00:00Z"',
    '"9999-12-31T23:59:59-01:00"',
    '"0001-01-01T00:00:00+01:00"',
    '"2026-W01-1T00:00:00Z"',
    '"39402"',
    "39402",
]
OTHERS: Final = ["null", "true", "false", "[]", "{}", "[1]", '{"a":1}', "", " 7", "nul", '"']
CELLS: Final = [*NUMBERS, *TEXTS, *TIMES, *OTHERS]

seeds = st.integers(0, 200)
ODD_BYTES: Final = st.sampled_from(
    [b"\xff", b"\0", b",", b'"', b"\\", b":", b"}", b"]", b"[", b"e", b"-", b".", b"null", b" \r\n\t", b'],"']
) | st.binary(max_size=2)


@cache
def random_contract(seed: int) -> CompiledContract:
    """The contract of a seed; the default one for 0."""
    return CompiledContract(RandomContracts(seed).contract()) if seed else default_compiled()


def right_cells(contract: CompiledContract, name: str) -> list[str]:
    """Cells that a field takes."""
    if name not in contract.names:
        return TIMES[:2] if name == "observed_at" else ['"a"', '"7, é"']
    return _right(contract.contract.feature(name))


def _right(feature: Feature) -> list[str]:
    if feature.kind == "category":
        return [json.dumps(word) for word in feature.categories]
    if feature.kind == "flag":
        return ["true", "false"]
    least, most, whole = feature.range
    if whole:
        # A table's reader leaves the largest integers to the codec.
        least, most = max(least, 1 - LARGEST_INTEGER), min(most, LARGEST_INTEGER - 1)
    values = (least, most, min(max(1.0, least), most))
    return [str(int(value)) if whole else repr(value) for value in values]


def any_cells(contract: CompiledContract, name: str) -> st.SearchStrategy[str]:
    """JSON texts for one field: edges of what it takes, and whatever else."""
    near = right_cells(contract, name)
    if name in contract.names and contract.contract.feature(name).numeric:
        least, most, _ = contract.contract.feature(name).range
        near += [text for edge in (least, most) for text in (repr(edge + 1), repr(edge - 1), f"{edge:.0f}")]
    elif name == "observed_at":
        near = TIMES
    elif name not in contract.names:
        near = TEXTS
    return st.sampled_from(near) | st.sampled_from(CELLS)


def mangled(data: st.DataObject, payload: bytes) -> bytes:
    """A payload with bytes put in, taken out or written over."""
    text = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 2))):
        begin = data.draw(st.integers(0, len(text)))
        text[begin : begin + data.draw(st.integers(0, 5))] = data.draw(ODD_BYTES)
    return bytes(text)
