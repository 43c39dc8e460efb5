"""The address of a broker on this machine or beside it: HOST:PORT, never a URL."""

from __future__ import annotations

import re
from typing import Final

from rookery.publisher.errors import BadBrokerError

_ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]@]+):([0-9]{1,5})")
_LAST_PORT: Final = 65_535


def broker_address(named: str) -> str:
    """Return the address as it is, e.g. `127.0.0.1:8085` or `[::1]:8085`; raises BadBrokerError."""
    found = _ADDRESS.fullmatch(named)
    if found is None or not 0 < int(found[1]) <= _LAST_PORT:
        raise BadBrokerError(named)
    return named
