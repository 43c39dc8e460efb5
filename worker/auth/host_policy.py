"""HostPolicy: requests that a web page elsewhere made the user's browser send are refused where no token is needed.

A page of any origin may post to an address of this machine, and a name that its owner points at 127.0.0.1 makes
the answers readable, too (DNS rebinding). Neither can happen by a name that means this machine alone.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from rookery.worker.auth.policy import PermissionDeniedError, loopback
from rookery.worker.http.responses import FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rookery.worker.settings import AuthSettings

ANY: Final = "*"
"""Among the names that are allowed: every name."""

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s\[\]:@/]+))(?::[0-9]{0,5})?"
)
_OWN_SITES: Final = (None, "same-origin", "none")
"""Values of Sec-Fetch-Site for requests that no other origin made; other clients send none."""


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """The Host values that are served: loopback's names, `names`, and any IP address where `addresses` is true."""

    names: frozenset[str] = frozenset()
    addresses: bool = False

    @classmethod
    def of(cls, listening: str, allowed: Iterable[str]) -> Self:
        """The policy of a server that listens on an address; the names that are allowed beside it are without a port."""
        names = {each.strip().lower() for each in (listening, *allowed)} - {""}
        # An address cannot be pointed elsewhere, so where others than this machine come, any is one of this server's.
        return cls(frozenset(names), addresses=not loopback(listening))

    def denied(self, method: str, header: Callable[[str], str | None]) -> PermissionDeniedError | None:
        """Say why a request is refused, None where it is not; `header` gives the value of a header or None."""
        host = header("host")
        if host is not None and not self._allowed(host):
            return PermissionDeniedError(
                "host",
                "this Host is not served here without a token: ROOKERY_ALLOWED_HOSTS names others than localhost",
                status=FORBIDDEN,
            )
        origin = header("origin")
        # Of the same authority, whatever the scheme: TLS may end at a proxy in front.
        foreign = origin is not None and origin.partition("://")[2].lower() != (host or "").lower()
        if foreign or not (header("sec-fetch-site") in _OWN_SITES or _followed_link(method, header)):
            return PermissionDeniedError(
                "origin", "a page of another origin may not ask this", status=FORBIDDEN
            )
        return None

    def _allowed(self, host: str) -> bool:
        read = _AUTHORITY.fullmatch(host)
        if read is None:
            return False
        name = (read["bracketed"] or read["name"]).lower()
        return (
            # Nearly always the first: to read an address costs more than the others together.
            name in self.names or ANY in self.names or loopback(name) or (self.addresses and _address(name))
        )


def host_policy(settings: AuthSettings) -> HostPolicy | None:
    """The policy that the settings ask for; None where a token or the platform guards an address that others reach."""
    if settings.push_auth != "none" and not loopback(settings.host):
        return None
    return HostPolicy.of(settings.host, settings.allowed_hosts.split(","))


def _followed_link(method: str, header: Callable[[str], str | None]) -> bool:
    """Whether the user followed a link to here: it changes nothing, and the page that has it cannot read the answer."""
    return (
        method in {"GET", "HEAD"}
        and header("sec-fetch-mode") == "navigate"
        and header("sec-fetch-dest") == "document"
    )


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
