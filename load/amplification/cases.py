"""Cases: messages that become as much as a message can, each within Pub/Sub's limits."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.codec import MAX_ROWS
from rookery.schemas.contract.default import default_contract
from rookery.schemas.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST_BYTES: Final = 10_000_000
"""Bytes of one message, attributes included."""

MOST_ATTRIBUTES: Final = 100
ATTRIBUTE_BYTES: Final = 1_024
"""Bytes of an attribute's value."""

_ATTRIBUTES: Final = {f"a{nth:03}": "x" * ATTRIBUTE_BYTES for nth in range(MOST_ATTRIBUTES)}
_MEASUREMENT: Final = default_contract().measurements[0].name
_NAMES: Final = tuple(Reading.model_fields)
_PAYLOAD_BYTES: Final = MOST_BYTES - MOST_ATTRIBUTES * (ATTRIBUTE_BYTES + 4)


@dataclass(frozen=True, slots=True)
class CostlyMessage:
    """One message; `make` builds its payload, and with `attributes` it has as many and long ones as possible."""

    name: str
    make: Callable[[], bytes]
    attributes: bool = True

    def body(self) -> bytes:
        """The body of the message's push."""
        return pushed(self.make(), message_id=self.name, attributes=_ATTRIBUTES if self.attributes else {})


def pushed(payload: bytes, *, message_id: str, attributes: Mapping[str, str]) -> bytes:
    """Wrap a payload as Pub/Sub pushes it."""
    return (
        b'{"message":{"data":"%b","attributes":%b,"messageId":%b,"publishTime":"%b"},"subscription":"s"}'
        % (
            base64.b64encode(payload),
            json.dumps(attributes).encode(),
            json.dumps(message_id).encode(),
            b"2026-11-23T12:00:00Z",
        )
    )


def columns(**cells: bytes) -> bytes:
    """A table whose columns hold MAX_ROWS times the same cell."""
    return table({name: [cell] * MAX_ROWS for name, cell in cells.items()})


def table(cells: Mapping[str, Iterable[bytes]]) -> bytes:
    """A table of cells as they are written in JSON."""
    return b"{%b}" % b",".join(
        b'"%b":[%b]' % (name.encode(), b",".join(column)) for name, column in cells.items()
    )


def filled(begin: bytes, piece: bytes, end: bytes) -> bytes:
    """As many pieces between two others as a message can hold."""
    return begin + piece * ((_PAYLOAD_BYTES - len(begin) - len(end)) // len(piece)) + end


def unknown(count: int, member: str = '"{}":1') -> bytes:
    """One object with so many unknown fields."""
    return b"{%b}" % ",".join(member.format(nth) for nth in range(count)).encode()


def _named(text: str, rows: int, measurement: bytes) -> bytes:
    """A table whose readings have long names."""
    names = [json.dumps(f"{nth:06}{text}", ensure_ascii=False).encode() for nth in range(rows)]
    return table({_MEASUREMENT: [measurement] * rows, "reading_id": names, "device_id": names})


def _many(piece: bytes) -> Callable[[], bytes]:
    return lambda: filled(b'{"sex":[', piece + b",", b"1]}")


CASES: Final = (
    CostlyMessage("10,000 bad rows", lambda: table({"body_mass_g": [b"1"] * 10_000})),
    CostlyMessage("100,000 bad rows", lambda: columns(body_mass_g=b"1")),
    CostlyMessage("a million wrong cells", lambda: columns(**dict.fromkeys(_NAMES, b'""')), attributes=False),
    CostlyMessage("a million cells that are objects", lambda: columns(**dict.fromkeys(_NAMES, b'{"":0}'))),
    CostlyMessage("a million cells that are arrays", lambda: columns(**dict.fromkeys(_NAMES, b"[[0]]"))),
    CostlyMessage("100,000 cells that are objects", lambda: columns(**{"sex": b"{}", _MEASUREMENT: b"1"})),
    CostlyMessage("200,000 unknown fields", lambda: unknown(199_000, '"{:040}":1')),
    CostlyMessage(
        "wrong times",
        lambda: columns(**{_MEASUREMENT: b"40", "observed_at": b'"2026-11-23T12:00:00+99:00"'}),
    ),
    CostlyMessage("rows without a measurement", lambda: columns(**{_MEASUREMENT: b"null", "sex": b'"male"'})),
    CostlyMessage(
        "every other row is bad", lambda: table({"body_mass_g": [b"1", b"4000"] * (MAX_ROWS // 2)})
    ),
    CostlyMessage(
        "uneven columns of wrong cells",
        lambda: table({name: [b'""'] * (MAX_ROWS - nth) for nth, name in enumerate(_NAMES)}),
    ),
    CostlyMessage("rows beyond the most", _many(b"0")),
    CostlyMessage("500,000 unknown fields", lambda: unknown(500_000), attributes=False),
    CostlyMessage("900,000 unknown fields", lambda: unknown(900_000)),
    CostlyMessage("700,000 unknown columns", lambda: unknown(700_000, '"{}":[0]')),
    CostlyMessage("one field a million times", lambda: filled(b"{", b'"year":1,', b'"year":1}')),
    CostlyMessage("a name of 9 MB", lambda: b'{"%b":1}' % (b"x" * (_PAYLOAD_BYTES - 10))),
    CostlyMessage("a text of 9 MB", lambda: b'{"sex":"%b"}' % (b"x" * (_PAYLOAD_BYTES - 20))),
    CostlyMessage(
        "a text of 9 MB, four bytes a character",
        lambda: b'{"sex":"%b\xf0\x9f\x90\xa7"}' % (b"x" * (_PAYLOAD_BYTES - 20)),
    ),
    CostlyMessage(
        "a reading_id of 9 MB in a row",
        lambda: b'{"body_mass_g":[1],"reading_id":["%b"]}' % (b"x" * (_PAYLOAD_BYTES - 40)),
    ),
    CostlyMessage("nested arrays", lambda: b"[" * _PAYLOAD_BYTES),
    CostlyMessage("nested objects", lambda: filled(b"", b'{"a":', b"1")),
    CostlyMessage("nested within the depth", lambda: filled(b"[", b"[" * 100 + b"]" * 100 + b",", b"1]")),
    CostlyMessage("a number of 9 million digits", lambda: b'{"year":%b}' % (b"9" * (_PAYLOAD_BYTES - 20))),
    CostlyMessage("numbers of 4,000 digits", _many(b"9" * 4_000)),
    CostlyMessage("empty objects", _many(b"{}")),
    CostlyMessage("empty arrays", _many(b"[]")),
    CostlyMessage("objects of one member", _many(b'{"":0}')),
    CostlyMessage("empty arrays alone", lambda: filled(b"[", b"[],", b"1]")),
    CostlyMessage("texts of one character", _many(b'"x"')),
    CostlyMessage("texts in objects", lambda: filled(b"{", b'"":"x",', b'"year":1}')),
    CostlyMessage("long names", lambda: _named("n" * 30, MAX_ROWS, b"40")),
    CostlyMessage("long names in four bytes a character", lambda: _named("\U0001f427" * 190, 6_000, b"40")),
    CostlyMessage("long names of bad rows", lambda: _named("n" * 30, MAX_ROWS, b"1")),
    CostlyMessage("names beyond the longest", lambda: _named("n" * 300, 14_000, b"40")),
    CostlyMessage("names of control characters", lambda: _named("\x01" * 5, 80_000, b"40")),
    CostlyMessage("no JSON", lambda: b"x" * _PAYLOAD_BYTES),
    CostlyMessage("no UTF-8", lambda: b"\xff" * _PAYLOAD_BYTES),
    CostlyMessage(
        "a table with blanks",
        lambda: columns(**dict.fromkeys(_NAMES[:4], b" 60"), year=b" 2007", sex=b' "male"'),
    ),
    CostlyMessage("a table of the shortest cells", lambda: columns(**{_MEASUREMENT: b"40"})),
)
"""By hand: each kind of thing that there can be many of, or that can be long."""


def mixed(seed: int) -> CostlyMessage:
    """A message of any kinds of cells, rows, names and attributes, the same for the same seed."""

    def make() -> bytes:
        return _mixture(Random(f"amplification/{seed}"))  # noqa: S311  repeatable, not secret

    return CostlyMessage(f"mixed {seed}", make, attributes=bool(seed % 4))


_CELLS: Final[tuple[bytes, ...]] = (
    b"0",
    b"40",
    b"null",
    b"true",
    b"NaN",
    b"1e999",
    b"9" * 300,
    b'""',
    b'"male"',
    b'"\\u0000\\u0000"',
    b'"2026-11-23T12:00:00"',
    b"[]",
    b"{}",
    b'{"":[{}]}',
    b"[[[[]]]]",
    '"\U0001f427"'.encode(),
    b'"%b"' % (b"x" * 250),
)


def _mixture(dice: Random) -> bytes:
    names: list[str] = dice.sample(_NAMES, dice.randint(1, len(_NAMES)))
    kinds = {name: dice.sample(_CELLS, dice.randint(1, 3)) for name in names}
    a_row = sum(max(map(len, kinds[name])) + 1 for name in names)
    rows = min(dice.choice((1, 1_000, MAX_ROWS, MAX_ROWS, MAX_ROWS + 1)), _PAYLOAD_BYTES * 9 // 10 // a_row)
    cells: dict[str, Any] = {name: dice.choices(kinds[name], k=rows) for name in names}
    if dice.random() < 0.2:  # noqa: PLR2004  now and then
        cells[dice.choice(names)].pop()
    payload = table(cells)
    if dice.random() < 0.3:  # noqa: PLR2004  the same
        spare = (_PAYLOAD_BYTES - len(payload) - 10) // 12
        extra = ",".join(f'"{nth:07}":1' for nth in range(dice.randint(0, max(0, spare))))
        payload = payload[:-1] + (b"," + extra.encode() if extra else b"") + b"}"
    return payload
