"""Tokens for authenticated pushes, signed with a key of the broker's own, in the shape of Google's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.broker.delivery.push import Identity
    from rookery.broker.delivery.signing_key import SigningKey

ISSUER: Final = "https://accounts.google.com"
LIFETIME_SECONDS: Final = 3_600
_RENEWAL_SECONDS: Final = 300
"""How long before its end a token is replaced."""
_MOST_TOKENS: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Signed:
    token: str
    fresh_until: float


class TokenSigner:
    """Sign RS256 JWTs and publish the key; `clock` gives seconds since 1970. The key is made at first use."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._cache: dict[Identity, _Signed] = {}

    def token(self, identity: Identity) -> str:
        """Give a token for this identity, the same one until shortly before its end."""
        now = self._clock()
        cached = self._cache.get(identity)
        if cached is None or now >= cached.fresh_until:
            cached = _Signed(self._sign(identity, int(now)), now + LIFETIME_SECONDS - _RENEWAL_SECONDS)
            while len(self._cache) >= _MOST_TOKENS:
                del self._cache[next(iter(self._cache))]
            self._cache[identity] = cached
        return cached.token

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Give the public key as a JSON Web Key Set."""
        return self._key.jwks()

    def certificates(self) -> dict[str, str]:
        """Give the public key as a PEM certificate by key id, as google-auth fetches it."""
        return {self._key.key_id: self._key.certificate}

    def _sign(self, identity: Identity, issued_at: int) -> str:
        return self._key.sign(
            {
                "aud": identity.audience,
                "azp": _subject(identity.email),
                "email": identity.email,
                "email_verified": True,
                "exp": issued_at + LIFETIME_SECONDS,
                "iat": issued_at,
                "iss": ISSUER,
                "sub": _subject(identity.email),
            }
        )

    @cached_property
    def _key(self) -> SigningKey:
        from rookery.broker.delivery.signing_key import SigningKey  # noqa: PLC0415  a quarter of a second of each start

        return SigningKey(self._clock())


def _subject(email: str) -> str:
    """A service account's number: 21 digits, the same for the same address."""
    return f"1{int.from_bytes(sha256(email.encode()).digest()[:8], 'big'):020d}"
