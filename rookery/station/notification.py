"""Notification: systemd is informed of the station's state, where systemd started it."""

from __future__ import annotations

import os
import socket
from typing import Final

_VARIABLE: Final = "NOTIFY_SOCKET"
_ABSTRACT: Final = "@"


class ServiceNotifier:
    """Sends states to systemd (sd_notify(3)); does nothing elsewhere. The programs of the station do not inherit it."""

    def __init__(self) -> None:
        named = os.environ.pop(_VARIABLE, "")
        # In Linux's abstract namespace the address begins with a null byte.
        self._address = "\0" + named[1:] if named.startswith(_ABSTRACT) else named

    def send(self, state: str) -> None:
        """Send a state such as `READY=1`; raises nothing: a station works without its observer."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            try:
                channel.sendto(state.encode(), self._address)
            except OSError:
                self._address = ""
