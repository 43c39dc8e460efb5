"""The URL that a subscription pushes to, checked when it is named: one that no push could reach is refused there."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

_PLACE: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_MOST_HOST_LETTERS: Final = 253
_LAST_PORT: Final = 65_535
_SHOWN: Final = 100


class PushUrlError(ValueError):
    """A URL that cannot be posted to; the sentence gives the reason to its author."""


def check_push_url(url: str) -> None:
    """Raise PushUrlError unless a request can be written for `url` and sent to where it leads.

    A user or password in the URL is refused as well: every reader of the subscription would see it, and it cannot
    go together with a push's token.
    """
    if reason := _reason(url):
        shown = url if len(url) <= _SHOWN else f"{url[:_SHOWN]}..."
        raise PushUrlError(f"{shown!a} cannot be pushed to: {reason}.")


def _reason(url: str) -> str | None:
    # Before the URL is split, which takes out some of these without a word.
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        return "it has a space or a character that cannot be printed"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is no URL"
    if parts.scheme not in {"http", "https"}:
        return "needed is an http or https URL"
    if "@" in parts.netloc:
        return "it has a user or password"
    place = _PLACE.fullmatch(parts.netloc)
    if place is None or (place[2] and not 1 <= int(place[2]) <= _LAST_PORT):
        return f"host and port are not HOST or HOST:PORT, with a port of 1 to {_LAST_PORT}"
    return _host_reason(place[1])


def _host_reason(host: str) -> str | None:
    if not host:
        return "it has no host"
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
            return None
        # As a name service would be asked for it.
        name = (host if host.isascii() else host.encode("idna").decode("ascii")).removesuffix(".")
        if name.rpartition(".")[2].isdecimal():
            IPv4Address(name)
    except AddressValueError:
        return "the host is no address"
    except UnicodeError:
        return "the host is no name"
    if len(name) > _MOST_HOST_LETTERS or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return "the host's parts are not 1 to 63 letters, digits, - and _ each"
    return None
