"""A free port, for a program that has to return to its address when it is started again."""

from __future__ import annotations

import socket


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port of an address that nothing listens on now; raises OSError."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
