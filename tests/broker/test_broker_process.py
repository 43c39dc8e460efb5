"""`python -m rookery.broker` as its user meets it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "rookery.broker", "--memory"]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_starts_says_where_and_ends_cleanly(tmp_path: Path, ending: signal.Signals) -> None:
    """It says in one line where it listens and that it forgets, and a signal ends it with 0, clients connected or not."""
    ready = tmp_path / "ready"
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--ready-file", ready], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            while not ready.exists():
                time.sleep(0.01)  # a file sends no event when it appears
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


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A broker of its own, and the address of its REST door."""
    ready = folder / "ready"
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--ready-file", ready], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            process.stderr.readline()
            while not ready.exists():
                time.sleep(0.01)  # a file sends no event when it appears
            yield process, f"http://{ready.read_text()}"
        finally:
            process.kill()


def publish(door: str, topic: str, count: int) -> None:
    messages = {"messages": [{"data": "e30="}] * count}
    requests.post(f"{door}/v1/projects/p/topics/{topic}:publish", json=messages, timeout=5).raise_for_status()


def test_a_signal_says_what_goes_with_the_broker(tmp_path: Path) -> None:
    """The last line counts the unacknowledged messages, pulled or not, and names their subscriptions."""
    with running(tmp_path) as (process, door):
        requests.put(f"{door}/v1/projects/p/topics/work", json={}, timeout=5).raise_for_status()
        for name in ("one", "two", "three"):
            body = {"topic": "projects/p/topics/work"}
            address = f"{door}/v1/projects/p/subscriptions/{name}"
            requests.put(address, json=body, timeout=5).raise_for_status()
        publish(door, "work", 5)
        for name, acked in (("one", 2), ("three", 5)):
            address = f"{door}/v1/projects/p/subscriptions/{name}"
            pulled = requests.post(f"{address}:pull", json={"maxMessages": 5}, timeout=5).json()
            ids = [each["ackId"] for each in pulled["receivedMessages"]][:acked]
            requests.post(f"{address}:acknowledge", json={"ackIds": ids}, timeout=5).raise_for_status()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr is not None
        (line,) = process.stderr.read().splitlines()
    assert "gone with it: 8 (5 of projects/p/subscriptions/two, 3 of projects/p/subscriptions/one)" in line


@pytest.mark.parametrize("url", ["http://127.0.0.1:80800/", "http://a..b/", f"http://{'a' * 64}/"])
def test_a_mistyped_push_endpoint_is_not_the_brokers_end(tmp_path: Path, url: str) -> None:
    """It is refused, the broker serves on, and says nothing but what goes with it."""
    with running(tmp_path) as (process, door):
        requests.put(f"{door}/v1/projects/p/topics/work", json={}, timeout=5).raise_for_status()
        body = {"topic": "projects/p/topics/work", "pushConfig": {"pushEndpoint": url}}
        address = f"{door}/v1/projects/p/subscriptions/work"
        assert requests.put(address, json=body, timeout=5).status_code == 400
        publish(door, "work", 1)
        requests.put(address, json={"topic": "projects/p/topics/work"}, timeout=5).raise_for_status()
        publish(door, "work", 1)
        pulled = requests.post(f"{address}:pull", json={"maxMessages": 5}, timeout=5).json()
        assert len(pulled["receivedMessages"]) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert len(process.stderr.read().splitlines()) == 1


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


def test_every_invalid_fault_is_reported() -> None:
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
