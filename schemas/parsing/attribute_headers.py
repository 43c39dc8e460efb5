"""Attribute headers: which headers of an unwrapped push are the message's attributes.

Pub/Sub writes attributes as plain headers, among those of HTTP itself and of every proxy on the way. Attributes are
stored with rejections, so a header that may be a sender's secret is none of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_HTTP: Final = frozenset(
    {
        "accept",
        "authorization",
        "cache-control",
        "connection",
        "date",
        "dnt",
        "expect",
        "forwarded",
        "from",
        "host",
        "keep-alive",
        "max-forwards",
        "origin",
        "pragma",
        "priority",
        "range",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "true-client-ip",
        "upgrade",
        "upgrade-insecure-requests",
        "user-agent",
        "via",
        "warning",
    }
)
_FAMILIES: Final = re.compile(
    # Of proxies and platforms: an attribute with such a name cannot be distinguished from theirs.
    r"x-(?!goog-pubsub-)|(?:accept|access-control|cdn|cf|cloudfront|content|fastly|if|proxy|sec)-"
)
_SECRETS: Final = re.compile(
    r"authori[sz]ation|cookie|(?:api|access|subscription|private|secret)[-_]?key|secret|token|passw|credential"
    r"|session|jwt|assertion|signature|[cx]srf|(?:^|[-_])auth(?:[-_]|$)"
)


def attributes_in(headers: Mapping[str, str]) -> dict[str, str]:
    """Pick the headers that are a message's attributes; names are in lower case."""
    return {name: value for name, value in headers.items() if _is_attribute(name)}


def _is_attribute(name: str) -> bool:
    return not (name in _HTTP or _FAMILIES.match(name) or _SECRETS.search(name))
