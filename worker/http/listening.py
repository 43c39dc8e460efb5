"""The socket that a worker listens on, and its address."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from rookery.worker.errors import MisconfiguredError

if TYPE_CHECKING:
    from rookery.worker.settings import ListenSettings


def listen(settings: ListenSettings) -> socket.socket:
    """Listen where the settings say; raises MisconfiguredError with the reason where that is not possible."""
    try:
        return socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
            backlog=1024,
            reuse_port=settings.reuse_port,
        )
    except OSError as error:
        raise MisconfiguredError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from error


def address_of(listening: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
