"""Authority: the embedded broker as the one who signs pushes, so that the worker verifies real tokens."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

import requests

from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT: Final = "push@bench.iam.gserviceaccount.com"
AUDIENCE: Final = "https://bench.example"
_WITHIN_S: Final = 30.0


class Authority:
    """A running broker that has signed one push: `token` is that push's, valid for an hour; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._ready = folder / "broker.ready"
        self._log = folder / "broker.log"
        self.token = ""
        self.keys_url = ""

    def __enter__(self) -> Self:
        """Start the broker and get a token; raises EnvironmentMissingError."""
        command = [
            sys.executable,
            "-m",
            "rookery.broker",
            "--memory",
            "--port",
            "0",
            "--ready-file",
            str(self._ready),
        ]
        self._process = PinnedProcess(command, log=self._log).__enter__()
        try:
            address = wait_for(self._ready, self._process)
            self.keys_url = f"http://{address}/oauth2/v3/certs"
            self.token = _signed(f"http://{address}/v1/projects/bench")
            # It has nothing more to do, but keeps answering for its keys.
        except requests.RequestException as error:
            self._process.stop()
            raise EnvironmentMissingError(f"the broker signed nothing: {error}") from None
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def settings(self) -> dict[str, str]:
        """Give the worker's settings that make it verify these tokens."""
        return {
            "ROOKERY_PUSH_AUTH": "oidc",
            "ROOKERY_PUSH_AUDIENCE": AUDIENCE,
            "ROOKERY_PUSH_SERVICE_ACCOUNT": ACCOUNT,
            "ROOKERY_PUSH_JWKS_URL": self.keys_url,
        }

    def peer_variables(self) -> dict[str, str]:
        """Give the variables that make a peer verify these tokens."""
        return {"BENCH_KEYS_URL": self.keys_url, "BENCH_AUDIENCE": AUDIENCE, "BENCH_ACCOUNT": ACCOUNT}


def wait_for(ready: Path, process: PinnedProcess, *, within_s: float = _WITHIN_S) -> str:
    """Wait for a ready file and give its address; raises EnvironmentMissingError where the program ended or took too long."""
    process.wait_until(ready.exists, within_s=within_s)
    return ready.read_text().strip()


class _Catcher(HTTPServer):
    authorization = ""


class _Catch(BaseHTTPRequestHandler):
    server: _Catcher

    def do_POST(self) -> None:
        """Keep the token of a push and acknowledge it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.authorization = self.headers.get("Authorization", "")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _signed(project: str) -> str:
    """Let the broker push one message and keep the token that came with it."""
    with _Catcher(("127.0.0.1", 0), _Catch) as catcher:
        waiting = threading.Thread(target=catcher.handle_request, name="token")
        catcher.timeout = _WITHIN_S
        waiting.start()
        endpoint = f"http://127.0.0.1:{catcher.server_port}/"
        identity = {"serviceAccountEmail": ACCOUNT, "audience": AUDIENCE}
        _call("PUT", f"{project}/topics/tokens", {})
        _call(
            "PUT",
            f"{project}/subscriptions/tokens",
            {
                "topic": "projects/bench/topics/tokens",
                "pushConfig": {"pushEndpoint": endpoint, "oidcToken": identity},
            },
        )
        _call("POST", f"{project}/topics/tokens:publish", {"messages": [{"data": "Yg=="}]})
        waiting.join()
        _call("DELETE", f"{project}/subscriptions/tokens", None)
        return catcher.authorization


def _call(method: str, url: str, body: dict[str, Any] | None) -> None:
    requests.request(method, url, json=body, timeout=_WITHIN_S).raise_for_status()
