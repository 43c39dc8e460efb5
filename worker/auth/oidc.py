"""OidcAuthenticator: verifies each OIDC token of Pub/Sub's pushes one time, and remembers the result."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.worker.auth.policy import PermissionDeniedError
from rookery.worker.auth.web_token import SKEW_SECONDS, read_web_token
from rookery.worker.http.responses import FORBIDDEN
from rookery.worker.runtime.lazy_module import LazyModule, instead

# It reads certificates, too, where keys come as such; with keys as they are, that is a third of its memory and time.
with instead("cryptography.x509", LazyModule("cryptography.x509")):
    from google.auth import jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rookery.worker.auth.jwks import JwksClient

ISSUERS: Final = frozenset({"https://accounts.google.com", "accounts.google.com"})
TOKEN_CHARACTERS: Final = 4096
"""Google's tokens have about a thousand."""

VERDICTS: Final = 1024
"""Verdicts that are remembered; Pub/Sub uses one token for up to an hour."""

_LIFETIME_SECONDS: Final = 3600.0
_SAID_CHARACTERS: Final = 120
_SCHEME: Final = "Bearer "


@dataclass(frozen=True, slots=True)
class ExpectedClaims:
    """The audience and the service account that a token must name."""

    audience: str
    email: str


class OidcAuthenticator:
    """Admits tokens of one service account for one audience; `clock` gives seconds since 1970."""

    def __init__(
        self, keys: JwksClient, expected: ExpectedClaims, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Store what tokens are held against."""
        self._keys = keys
        self._expected = expected
        self._clock = clock
        self._verdicts: OrderedDict[str | None, float] = OrderedDict()

    def known(self, authorization: str | None) -> bool:
        """Whether this very token was verified before and has not expired."""
        until = self._verdicts.get(authorization)
        if until is None:
            return False
        if self._clock() >= until:
            del self._verdicts[authorization]
            return False
        self._verdicts.move_to_end(authorization)
        return True

    async def admit(self, authorization: str | None) -> None:
        """Verify a token's signature, issuer, audience, times and e-mail; raises PermissionDeniedError or KeysUnavailable."""
        if self.known(authorization):
            return
        text = _token(authorization)
        token = read_web_token(text)
        await self._verify(text, token.key_id)
        now = self._clock()
        end = token.expires(now)
        self._hold(token.claims)
        if len(self._verdicts) >= VERDICTS:
            self._verdicts.popitem(last=False)
        self._verdicts[authorization] = min(end, now + _LIFETIME_SECONDS)

    async def _verify(self, token: str, key_id: str) -> None:
        """Hold a token's signature against the key that it names."""
        key = await self._keys.key(key_id)
        if key is None:
            raise PermissionDeniedError("key", "the token is signed with a key that its issuer does not have")
        try:
            jwt.decode(token, certs={key_id: key}, clock_skew_in_seconds=SKEW_SECONDS)  # type: ignore[no-untyped-call]  # the library's
        except Exception as error:  # noqa: BLE001  about an untrusted token, claims of odd types included
            raise PermissionDeniedError(
                "token", f"the token is not valid: {str(error)[:_SAID_CHARACTERS]}"
            ) from None

    def _hold(self, claims: Mapping[str, Any]) -> None:
        """Hold true claims against what is expected here."""
        issuer = claims.get("iss")
        # A list or an object cannot be looked up in a set.
        if not isinstance(issuer, str) or issuer not in ISSUERS:
            raise PermissionDeniedError("issuer", "the token's issuer is not Google")
        if claims.get("aud") != self._expected.audience:
            raise PermissionDeniedError("audience", "the token is for another audience")
        if claims.get("email") != self._expected.email:
            raise PermissionDeniedError("email", "the token is of another account", status=FORBIDDEN)
        if claims.get("email_verified") is not True:
            raise PermissionDeniedError("email", "the token's e-mail is not verified", status=FORBIDDEN)


def _token(authorization: str | None) -> str:
    if not authorization:
        raise PermissionDeniedError("absent", "a token is needed: Authorization: Bearer ...")
    # HTTP's schemes are of either case.
    if authorization[: len(_SCHEME)].lower() != _SCHEME.lower():
        raise PermissionDeniedError("scheme", "a token is needed: Authorization: Bearer ...")
    if len(authorization) > TOKEN_CHARACTERS:
        raise PermissionDeniedError("length", f"the token has more than {TOKEN_CHARACTERS} characters")
    return authorization[len(_SCHEME) :]
