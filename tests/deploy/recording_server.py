"""RecordingServer: an HTTP server that stands for an API of Google, and records its requests."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class RecordingServer:
    """A recording HTTP server; `answers(method, path, request)` gives the status and body of each response."""

    answers: Callable[[str, str, Any], tuple[int, bytes]]
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(recorder: RecordingServer) -> Iterator[RecordingServer]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            recorder.asked.append((self.command, self.path))
            status, answer = recorder.answers(self.command, self.path, (self.headers, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_CONNECT = _answer  # noqa: N815  http.server's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    recorder.url = f"http://127.0.0.1:{server.server_port}"
    yield recorder
    server.shutdown()
    server.server_close()
    thread.join()


def monitoring(good: int = 1000, bad: int = 0, p99_ms: float = 80.0) -> RecordingServer:
    """A Monitoring API that has counted so many requests."""

    def answers(_: str, path: str, __: Any) -> tuple[int, bytes]:
        query = parse_qs(urlsplit(path).query)
        if "request_latencies" in query["filter"][0]:
            series: list[Any] = [{"points": [{"value": {"doubleValue": p99_ms}}]}]
        else:
            series = [
                {
                    "metric": {"labels": {"response_code_class": code}},
                    "points": [{"value": {"int64Value": str(count)}}],
                }
                for code, count in (("2xx", good), ("5xx", bad))
                if count
            ]
        return 200, json.dumps({"timeSeries": series}).encode()

    return RecordingServer(answers)
