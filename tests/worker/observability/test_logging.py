"""Logs: one line a batch in Cloud Logging's names, sampled rejections, a person's form, and never a secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.observability.logging import JsonFormatter, TextFormatter, configure, without_secrets
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rookery.schemas.envelope import Envelope

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"  # noqa: S105  it opens nothing


def record(message: str = "hello", **extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelname": "WARNING", "name": "worker.x"})
    made.__dict__.update(extra)
    return made


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Everything that is logged as JSON while the test runs; afterwards logging is as before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("INFO", form="json", revision="r7", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_speaks_cloud_loggings_names() -> None:
    """Severity, time, labels and trace are found by name; what else was said has fields of its own."""
    formatter = JsonFormatter(labels={"revision": "r7"}, project="my-project")
    line = json.loads(formatter.format(record(googclient_traceparent=TRACE, rows=3)))
    assert line.pop("time").endswith("Z")
    assert line == {
        "severity": "WARNING",
        "message": "hello",
        "logging.googleapis.com/labels": {"logger": "worker.x", "revision": "r7"},
        "logging.googleapis.com/trace": "projects/my-project/traces/0af7651916cd43dd8448eb211c80319c",
        "logging.googleapis.com/spanId": "b7ad6b7169203331",
        "logging.googleapis.com/trace_sampled": True,
        "rows": 3,
    }


def test_a_person_gets_words() -> None:
    """On a terminal: time, severity, message, and what else was said."""
    line = TextFormatter().format(record(rows=3))
    assert "WARNING  hello" in line
    assert line.endswith("rows=3")
    assert "{" not in line


STEERING = "\x1b[2J\x1b]0;owned\x07\r\n12:00:00 ERROR forged\x9b31m\u202egnp.exe\u2028\x7f"


def test_no_line_steers_a_terminal_or_forges_another() -> None:
    """A sender's text is escaped, in message, fields and traceback, in each form that a terminal gets."""
    made = record(f"refused {STEERING}", reading_id=STEERING, reasons=[{"field": STEERING}], odd="\ud800")
    try:
        raise ValueError(STEERING)  # noqa: TRY301  a traceback is needed
    except ValueError:
        made.exc_info = sys.exc_info()
    text, line = TextFormatter().format(made), JsonFormatter().format(made)
    assert all(each.isprintable() for each in text.splitlines())
    assert [each for each in text.splitlines() if each.startswith("12:00:00 ERROR")] == []
    assert text.count(r"\x1b[2J") >= 4
    assert line.isprintable()
    assert json.loads(line)["reading_id"] == STEERING


@pytest.mark.parametrize("odd", ["\ud800", 2**70, {1: {2}}])
def test_a_line_of_json_is_written_whatever_it_says(odd: Any) -> None:
    """A value that the faster encoder refuses costs the line nothing but time."""
    assert json.loads(JsonFormatter().format(record(odd=odd)))["message"] == "hello"


@pytest.mark.parametrize(
    "secret", [f"Authorization: Bearer {TOKEN}", f"token {TOKEN} refused", "bearer abc.def"]
)
def test_what_looks_like_a_token_is_blotted_out(secret: str) -> None:
    """Should a library's message bring one along, the log does not keep it."""
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(record(secret))
        assert "[secret]" in line
        assert TOKEN not in line
    assert without_secrets("the bearer of bad news") != ""
    assert without_secrets("nothing to hide") == "nothing to hide"


def push(envelope: Envelope) -> bytes:
    message = {
        "data": envelope.data,
        "messageId": envelope.message_id,
        "attributes": dict(envelope.attributes),
    }
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


async def test_batches_are_logged_and_never_a_reading_or_a_token(
    said: io.StringIO, tmp_path: Path, envelope: Callable[..., Envelope]
) -> None:
    """A hundred pushes are a few lines, whose sums are right; one rejection is logged in full, without its bytes."""
    sinks = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    penguins = ReadingFactory(5)
    payloads = [encode(penguins.reading(reading_id=f"secret-penguin-{nth}")) for nth in range(95)] + [
        b'{"wings": 2}'
    ] * 5
    async with running(Settings(port=0, **sinks)) as address, aiohttp.ClientSession(address) as client:

        async def post(payload: bytes) -> None:
            body = push(envelope(payload, attributes={"traceparent": TRACE}))
            async with client.post("/", data=body, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                assert answer.status == 204

        await asyncio.gather(*map(post, payloads))
    reported = [line for line in lines(said) if line["message"] == "batch"]
    assert sum(line["messages"] for line in reported) == 100
    assert sum(line["predicted"] for line in reported) == 95
    assert sum(line["rejected"] for line in reported) == 5
    assert len(reported) <= sum(line["batches"] for line in reported) <= 100
    assert len(reported) < 20
    assert reported[0]["logging.googleapis.com/trace"] == TRACE.split("-")[1]
    rejected = [line for line in lines(said) if line["message"] == "rejected"]
    assert 1 <= len(rejected) <= 2
    assert rejected[0]["reasons"][0]["field"] == "wings"
    assert "original" not in rejected[0]
    assert TOKEN not in said.getvalue()
    assert "secret-penguin" not in said.getvalue()
