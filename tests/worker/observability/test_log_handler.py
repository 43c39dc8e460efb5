"""LogHandler: a record that cannot be written is counted, reported one time, and blocks no logger."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rookery.worker.observability.log_handler import LogHandler
from rookery.worker.observability.logging import JsonFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Tally:
    """How many records could not be written."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def logger() -> Iterator[Callable[[LogHandler], logging.Logger]]:
    """A logger with one handler only."""
    made = logging.getLogger("tests.alone")
    made.propagate = False
    yield lambda handler: (made.addHandler(handler), made)[1]
    made.handlers.clear()


@pytest.fixture
def failed() -> Tally:
    return Tally()


def handler(stream: Any, failed: Tally) -> LogHandler:
    made = LogHandler(stream)
    made.failed = failed
    return made


@pytest.mark.parametrize("part", ["formatter", "filter", "stream"])
def test_whatever_breaks_in_logging_is_said_once_and_counted(
    part: str,
    logger: Callable[[LogHandler], logging.Logger],
    failed: Tally,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A formatter, a filter or a stream that raises never reaches the code that logs, and prints no traceback."""

    def breaks(*_: object) -> Any:
        raise ZeroDivisionError("on purpose")

    stream = io.StringIO()
    made = handler(stream, failed)
    if part == "formatter":
        made.setFormatter(JsonFormatter())
        made.format = breaks  # type: ignore[method-assign]  # broken on purpose
    elif part == "filter":
        made.addFilter(breaks)
    else:
        stream.write = breaks  # type: ignore[method-assign]  # the same
    for _ in range(3):
        logger(made).warning("hello")
    assert failed.count == 3
    said = "a log record cannot be written, nor may others be: ZeroDivisionError: on purpose\n"
    assert stream.getvalue() == ("" if part == "stream" else said)
    assert capsys.readouterr().err == ""


def test_a_reader_that_hangs_costs_records_and_blocks_no_logger(
    logger: Callable[[LogHandler], logging.Logger], failed: Tally
) -> None:
    """Far more than a pipe holds is logged without a reader; once it reads again, whole lines come."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading, "rb", buffering=0) as reader:
        log = logger(handler(stream, failed))
        for nth in range(1000):
            log.warning("%d %s", nth, "x" * 6_000)
        assert failed.count > 900
        os.set_blocking(reading, False)
        taken = b""
        while piece := reader.read(1 << 20):
            taken += piece
        log.warning("read again")
        assert (reader.read(1 << 20) or b"").splitlines()[-1] == b"read again"
    whole = taken.splitlines()[:-1]
    assert whole == [b"%d %s" % (nth, b"x" * 6_000) for nth in range(len(whole))]
    assert len(whole) + failed.count >= 999


def test_a_reader_that_left_blocks_no_logger(
    logger: Callable[[LogHandler], logging.Logger], failed: Tally
) -> None:
    """A collector that died takes no answer with it."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        logger(handler(stream, failed)).warning("hello")
    assert failed.count == 1


def test_lines_reach_a_file_whole(tmp_path: Any) -> None:
    """Long and short, and what is no text in UTF-8."""
    path = tmp_path / "log"
    # In a process of its own: a report that holds a lone surrogate cannot be sent between pytest's processes.
    program = (
        "import logging, sys\n"
        "from rookery.worker.observability.log_handler import LogHandler\n"
        "with open(sys.argv[1], 'w') as stream:\n"
        "    handler = LogHandler(stream)\n"
        "    counted = []\n"
        "    handler.failed = lambda: counted.append(1)\n"
        "    for line in ('short', 'x' * 100_000, chr(0xD800)):\n"
        "        handler.handle(logging.makeLogRecord({'msg': line}))\n"
        "sys.exit(len(counted))\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 0
    assert path.read_text() == "short\n" + "x" * 100_000 + "\n\\ud800\n"
