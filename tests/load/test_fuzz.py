"""Fuzzing: invalid bodies by the thousand, and checks that find violations."""

from __future__ import annotations

import base64
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from rookery.load.fuzz.arrow_bodies import ArrowBodies, message_ids
from rookery.load.fuzz.bodies import Bodies
from rookery.load.fuzz.expectation import identities
from rookery.load.fuzz.run import BodySource, run
from rookery.schemas.envelope import Envelope

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_handles_thousands_of_invalid_bodies(tmp_path: Path) -> None:
    """No 5xx, no traceback; what is accepted is found as prediction or rejection; what is refused is no envelope."""
    findings = run(5, 2000, tmp_path)
    assert findings.wrong == []
    assert findings.tracebacks == ()
    assert findings.posted == 2000
    assert {"/ 204", "/ 400", "/predict 200", "/predict 422"} == set(findings.statuses)


def test_a_worker_handles_hundreds_of_damaged_arrow_streams(tmp_path: Path) -> None:
    """No 5xx, no crash, no traceback; each message is found as predictions or rejections."""
    findings = run(5, 600, tmp_path, source=BodySource(ArrowBodies, message_ids))
    assert findings.wrong == []
    assert findings.tracebacks == ()
    assert {"/ 204", "/predict 200", "/predict 422"} == set(findings.statuses)


def test_the_same_seed_gives_the_same_bodies_of_every_kind() -> None:
    """A seed repeats its bodies."""
    once, again = (list(islice(Bodies(3), 500)) for _ in range(2))
    assert once == again
    assert len(Counter(body.kind for body in once)) == 8
    assert list(islice(Bodies(4), 500)) != once


def wrapped(payload: str) -> bytes:
    data = base64.b64encode(payload.encode())
    return b'{"message": {"messageId": "m", "data": "%s"}, "subscription": "s"}' % data


TABLE = '{"bill_length_mm": [40, -1]}'


def nameless(payload: str) -> str:
    """The identity of the message of a payload."""
    return Envelope("m", body=payload.encode(), subscription="s").identity


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b'{"message": {}}', None),
        (
            b'{"message": {"messageId": "m", "data": "%%%"}, "subscription": "s"}',
            {Envelope("m", "%%%", subscription="s").identity},
        ),
        (wrapped("not JSON"), {nameless("not JSON")}),
        (wrapped('{"bill_length_mm": 40, "reading_id": "r"}'), {"r"}),
        (wrapped('{"bill_length_mm": -1, "reading_id": "r"}'), {"r"}),
        (wrapped(TABLE), {f"{nameless(TABLE)}/{row}" for row in range(2)}),
    ],
)
def test_what_is_expected_of_a_body_is_read_from_the_words(body: bytes, expected: set[str] | None) -> None:
    """Each reading under the identity by which it must be found, or nothing where there is no message."""
    assert identities(body) == expected
