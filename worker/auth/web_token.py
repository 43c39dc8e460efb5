"""WebToken: the header and claims of a signed token, parsed strictly before any signature is checked.

The library that verifies signatures reads leniently: of two members of one name the last one counts, NaN is a
time that never ends, `true` is a second of 1970, an extension that must be understood is passed over.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rookery.worker.auth.policy import PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM: Final = "RS256"
"""The only one: `none` proves nothing, and a public key must never serve as an HMAC secret."""

SKEW_SECONDS: Final = 10
"""How far the signer's clock may be from this one."""

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")
_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999; a later time is none, and might be too large for arithmetic."""


@dataclass(frozen=True, slots=True)
class WebToken:
    """The header and claims of a token, not verified."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def key_id(self) -> str:
        """The key that the token says it is signed with; raises PermissionDeniedError where the header may not be trusted with one."""
        if self.header.get("alg") != ALGORITHM:
            raise PermissionDeniedError("algorithm", f"the token is not signed with {ALGORITHM}")
        if "crit" in self.header:
            raise PermissionDeniedError(
                "critical", "the token's header has extensions that are not understood here (crit)"
            )
        key_id = self.header.get("kid")
        if not isinstance(key_id, str) or not key_id:
            raise PermissionDeniedError("key", "the token names no key")
        return key_id

    def expires(self, now: float) -> float:
        """Give the end of a token that is in force at `now`, both in seconds since 1970; raises PermissionDeniedError."""
        issued, end = self._time("iat"), self._time("exp")
        begins = self._time("nbf") if "nbf" in self.claims else issued
        if max(issued, begins) > now + SKEW_SECONDS:
            raise PermissionDeniedError("time", "the token is not valid yet")
        if end < now - SKEW_SECONDS:
            raise PermissionDeniedError("time", "the token has expired")
        return end

    def _time(self, name: str) -> float:
        seconds = self.claims.get(name)
        # A bool is an int to Python; NaN and the infinities are outside of every bound.
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise PermissionDeniedError("time", f"the token's {name} is no number of seconds")
        if not 0 <= seconds <= _LAST_SECOND:
            raise PermissionDeniedError("time", f"the token's {name} is no time")
        return float(seconds)


def read_web_token(text: str) -> WebToken:
    """Read a token in its compact form; raises PermissionDeniedError."""
    compact = _COMPACT.fullmatch(text)
    if compact is None:
        raise PermissionDeniedError("token", "the token is no JSON Web Token")
    return WebToken(_object(compact[1]), _object(compact[2]))


def _object(segment: str) -> dict[str, Any]:
    try:
        found = json.loads(
            base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode(),
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise PermissionDeniedError("token", "the token is no JSON Web Token") from None
    if not isinstance(found, dict):
        raise PermissionDeniedError("token", "the token is no JSON Web Token")
    return found


def _without_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
