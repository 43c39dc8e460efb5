"""Browsers: no page that the user's browser shows may publish, pull or change anything here.

The worker keeps the same rule (`worker/auth/host_policy.py`); the broker imports nothing of ours.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from rookery.broker.service.rest_json import error

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

_OWN_SITES: Final = (None, "same-origin", "none")
"""Values of Sec-Fetch-Site that no other origin causes; clients other than browsers send none."""


def no_browsers(listening: str) -> Middleware:
    """Refuse requests of other origins and, on loopback, by any name but loopback's: it may be pointed there by its owner."""
    alone = _loopback(listening)

    @web.middleware
    async def refused(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, origin = request.headers.get("Host"), request.headers.get("Origin")
        if alone and host is not None and not _loopback(_name(host)):
            return _denied("on loopback only loopback's names are served")
        foreign = origin is not None and origin.partition("://")[2].lower() != (host or "").lower()
        if foreign or request.headers.get("Sec-Fetch-Site") not in _OWN_SITES:
            return _denied("a page of another origin may not ask this")
        return await handler(request)

    return refused


def _denied(why: str) -> web.Response:
    status = web.HTTPForbidden.status_code
    return web.json_response(error(status, "PERMISSION_DENIED", why), status=status)


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
