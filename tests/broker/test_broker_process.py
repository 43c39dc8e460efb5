"""`python -m broker` as its user meets it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "broker"]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_starts_says_where_and_ends_cleanly(tmp_path: Path, ending: signal.Signals) -> None:
    """It says in one line where it listens and that it forgets, and a signal ends it with 0, whoever still talks to it."""
    ready = tmp_path / "ready"
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--ready-file", ready], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            while not ready.exists():
                time.sleep(0.01)  # a file tells nobody that it is there
            address = ready.read_text()
            assert address in line
            assert "memory" in line
            assert requests.get(f"http://{address}/", timeout=5).text.strip() == "Ok"
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port))) as slow:
                slow.sendall(
                    b"POST /v1/projects/p/topics/t:publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
                )
                process.send_signal(ending)
                assert process.wait() == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_port_in_use_is_one_line() -> None:
    """A port that is taken gives one line and exit code 2, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = subprocess.run(
            [*COMMAND, "--port", str(taken.getsockname()[1])],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "in use" in ended.stderr


def test_every_bad_fault_is_told() -> None:
    """Shares that make no sense are refused, all at once, with exit code 2."""
    options = ["--duplicate", "2", "--lost-ack", "1", "--delay", "-1"]
    ended = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert all(word in ended.stderr for word in ("duplicate", "lost_ack", "delay"))
    assert "Traceback" not in ended.stderr


def test_help_shows_an_example() -> None:
    """The help shows how to point a client at it."""
    ended = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=20, check=True)
    assert "PUBSUB_EMULATOR_HOST" in ended.stdout
