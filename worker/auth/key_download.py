"""KeyDownload: one GET for a key set, in a thread of its own; nothing that its server does can hold the worker."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

KEY_SET_BYTES: Final = 256 * 1024
"""Longest key set that is read; Google's has two thousand bytes."""

_SECONDS: Final = 5.0


class KeyDownload:
    """Downloads from a URL of `http` or `https`; of two downloads at once, the second waits."""

    def __init__(self, url: str) -> None:
        """Store where keys come from."""
        self._url = urlsplit(url)
        # Not one of the threads that results wait for: name servers may take their time.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="signing keys")

    async def download(self) -> tuple[bytes, str]:
        """Return the answer's body and its Cache-Control; raises ValueError for another answer than 200 or one too long, OSError, HTTPException."""
        exchange = _Exchange(self._url)
        try:
            async with asyncio.timeout(_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._thread, exchange.result)
        finally:
            exchange.end()

    def close(self) -> None:
        """Begin no other download."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class _Exchange:
    """One request and its answer, in a thread; another one may end it."""

    def __init__(self, url: SplitResult) -> None:
        self._url = url
        self._connection: HTTPConnection | None = None

    def result(self) -> tuple[bytes, str]:
        url = self._url
        with contextlib.closing(_connection(url)) as connection:
            self._connection = connection
            # The bytes of an unpacked answer would not be bounded by those that are read.
            target = f"{url.path or '/'}{url.query and '?'}{url.query}"
            connection.request("GET", target, headers={"Accept-Encoding": "identity"})
            answer = connection.getresponse()
            # A redirect, too: it could lead from https:// to where anybody answers.
            if answer.status != HTTPStatus.OK:
                raise ValueError(f"the answer is {answer.status} {answer.reason}")
            content = answer.read(KEY_SET_BYTES + 1)
        if len(content) > KEY_SET_BYTES:
            raise ValueError(f"the answer has more than {KEY_SET_BYTES} bytes")
        return content, answer.getheader("Cache-Control", "")

    def end(self) -> None:
        """Wake the thread that waits for the server, if it still does."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(url: SplitResult) -> HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "https":
        return HTTPSConnection(host, url.port, timeout=_SECONDS, context=ssl.create_default_context())
    return HTTPConnection(host, url.port, timeout=_SECONDS)
