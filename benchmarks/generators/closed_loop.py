"""Closed loop: one connection with one large request after the other, sent in pieces.

A single send of megabytes holds its CPU for milliseconds where the kernel does not preempt itself, so that another generator
on that CPU would measure it, and not the server. Run as `python -m benchmarks.generators.closed_loop PORT FILE SECONDS FIRST`; prints one
line of JSON.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from itertools import count
from pathlib import Path
from typing import Final

import httptools

from benchmarks.servers.reference_answers import MARK

PIECE: Final = 128 * 1024
"""Bytes that one call hands to the kernel at the most; a paced generator has a send buffer of this size in place of it."""


def bound_sends(connection: socket.socket) -> None:
    """Bound the part of a request that the kernel takes at once: Linux makes the buffer twice as large as it is asked for."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)


class _Answer:
    """Whether an answer is whole."""

    def __init__(self) -> None:
        self.complete = False

    def on_message_complete(self) -> None:
        self.complete = True


def _ask(connection: socket.socket, request: bytes) -> int:
    """Send a request and read its answer; gives the status."""
    for begin in range(0, len(request), PIECE):
        connection.sendall(memoryview(request)[begin : begin + PIECE])
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.complete:
        data = connection.recv(65_536)
        if not data:
            raise ConnectionError("the server closed the connection")
        parser.feed_data(data)
    return parser.get_status_code()


def _main(port: int, requests: list[list[bytes]], seconds: float, first: int) -> None:
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        bound_sends(connection)
        answered = refused = 0
        for number in count(first):
            if time.monotonic() >= end:
                break
            status = _ask(connection, (b"%016d" % number).join(requests[number % len(requests)]))
            answered += 1
            refused += status >= 300  # noqa: PLR2004  HTTP's own border
    sys.stdout.write(json.dumps({"requests": answered, "refused": refused}) + "\n")


if __name__ == "__main__":
    _port, _file, _seconds, _first = sys.argv[1:]
    _requests = [each.split(MARK.encode()) for each in Path(_file).read_bytes().split(b"\0")]
    _main(int(_port), _requests, float(_seconds), int(_first))
