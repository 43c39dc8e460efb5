"""Bodies: push bodies of every degree of brokenness, from a seed, at about 30 us each."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.default import default_contract
from rookery.schemas.reading import Reading
from rookery.schemas.testing import ReadingFactory, invalid_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAMES: Final = (*Reading.model_fields, "wings", "", "message", "\x00", f"{default_contract().names[0]} ")
_WORDS: Final = (
    "",
    "male",
    "Dream",
    "ROOKERY",
    "\x00",
    "\u2028",
    "é" * 40,
    "\U0001f427",
    "x" * 300,
    "NaN",
    "1e999",
    "2026-11-23T12:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-23T12:00:00+00:00:30",
)
_NUMBERS: Final = (0, -1, 1, 40, 2**31, 2**63, 2**64, 10**400, -0.0, 1e-320, 1e308, 39.1, 5.000000000001, 0.1)
_RAW: Final = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"01",
    b"+1",
    b'"\\ud800"',
    b'"\xff"',
    b"//",
    b"[[[[",
    b"{}" * 9,
)
_DEEP: Final = 3


@dataclass(frozen=True, slots=True)
class Body:
    """The content to post, and the kind of its generator."""

    kind: str
    content: bytes


class Bodies:
    """An endless supply; the same seed gives the same bodies in the same order."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(f"bodies/{seed}")  # noqa: S311  repeatable, not secret
        self._readings = ReadingFactory(seed)
        self._malformed = invalid_examples(seed)
        self._number = 0
        self._seed = seed
        self._kinds: dict[str, Callable[[], bytes]] = {
            "whole reading": lambda: self._wrapped(self._reading()),
            "odd reading": lambda: self._wrapped(self._odd_reading()),
            "odd table": lambda: self._wrapped(self._odd_table()),
            "malformed reading": lambda: self._wrapped(next(self._malformed).payload),
            "mutated payload": lambda: self._wrapped(self._mutated(self._reading())),
            "odd envelope": self._odd_envelope,
            "mutated body": lambda: self._mutated(self._wrapped(self._odd_table())),
            "any JSON": lambda: json.dumps(self._value()).encode(),
        }

    def __iter__(self) -> Iterator[Body]:
        kinds = list(self._kinds)
        while True:
            kind = self._dice.choice(kinds)
            yield Body(kind, self._kinds[kind]())

    def _reading(self) -> bytes:
        fields = self._readings.fields()
        if self._dice.random() < 0.5:  # noqa: PLR2004  one way or the other
            fields["reading_id"] = f"{self._seed}-{self._number}"
        return json.dumps(fields).encode()

    def _odd_reading(self) -> bytes:
        fields: dict[str, Any] = self._readings.fields()
        for _ in range(self._dice.randint(0, 3)):
            fields[self._dice.choice(_NAMES)] = self._value()
        for _ in range(self._dice.randint(0, 5)):
            fields.pop(self._dice.choice(_NAMES), None)
        return json.dumps(fields, ensure_ascii=self._dice.random() < 0.5).encode(errors="surrogatepass")  # noqa: PLR2004  the same

    def _odd_table(self) -> bytes:
        rows = self._dice.randint(0, 6)
        names = self._dice.sample(_NAMES, self._dice.randint(1, 6))
        readings = [self._readings.fields() for _ in range(rows)]
        columns: dict[str, Any] = {name: [self._cell(each.get(name)) for each in readings] for name in names}
        if self._dice.random() < 0.1:  # noqa: PLR2004  now and then
            columns[self._dice.choice(names)] = self._value()
        return json.dumps(columns).encode()

    def _cell(self, usual: Any) -> Any:
        return usual if self._dice.random() < 0.9 else self._value()  # noqa: PLR2004  most are as they should be

    def _wrapped(self, payload: bytes) -> bytes:
        self._number += 1
        return (
            b'{"message":{"data":"%s","messageId":"%d-%d","publishTime":"2026-11-23T12:00:00Z"},"subscription":"s"}'
            % (base64.b64encode(payload), self._seed, self._number)
        )

    def _odd_envelope(self) -> bytes:
        envelope = json.loads(self._wrapped(self._reading()))
        message = envelope["message"]
        for _ in range(self._dice.randint(1, 3)):
            where = self._dice.choice((envelope, message))
            names = (*where, "attributes", "orderingKey", "deliveryAttempt", "message_id", "publish_time")
            name = self._dice.choice(names)
            if self._dice.random() < 0.3:  # noqa: PLR2004  now and then
                where.pop(name, None)
            else:
                where[name] = self._value()
        return json.dumps(envelope).encode()

    def _mutated(self, content: bytes) -> bytes:
        broken = bytearray(content)
        for _ in range(self._dice.randint(1, 4)):
            where = self._dice.randrange(len(broken) + 1)
            change = self._dice.randrange(4)
            if change == 0:
                broken[where : where + self._dice.randint(1, 9)] = b""
            elif change == 1:
                broken[where:where] = self._dice.choice(_RAW)
            elif change == 2:  # noqa: PLR2004  one of four
                broken[where : where + 1] = bytes([self._dice.randrange(256)])
            else:
                del broken[where:]
        return bytes(broken)

    def _value(self, depth: int = 0) -> Any:
        die = self._dice.randrange(6 if depth < _DEEP else 4)
        if die == 0:
            return self._dice.choice((None, True, False))
        if die == 1:
            return self._dice.choice(_WORDS)
        if die in {2, 3}:
            return self._dice.choice(_NUMBERS)
        many = range(self._dice.randint(0, 3))
        if die == 4:  # noqa: PLR2004  one of six
            return [self._value(depth + 1) for _ in many]
        return {self._dice.choice(_NAMES): self._value(depth + 1) for _ in many}
