# noqa: INP001  a program of its own, run by its path in the image
"""Health check: exit code 0 where the server of this container answers 200, 1 where it does not.

`python3 healthcheck.py [PORT [PATH]]`; without arguments it asks the worker whether it takes messages.
"""

from __future__ import annotations

import http.client
import os
import sys
from typing import Final

TIMEOUT_S: Final = 2.0
READY: Final = "/readyz"


def healthy(port: int, path: str) -> bool:
    """Ask this machine's server."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def workers_port() -> int:
    """Read the same two names, in the same order, as the worker's own settings do."""
    return int(os.environ.get("ROOKERY_PORT") or os.environ.get("PORT") or "8080")


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else workers_port()
    sys.exit(not healthy(asked, sys.argv[2] if len(sys.argv) > 2 else READY))  # noqa: PLR2004  port, then path
