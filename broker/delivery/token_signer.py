"""Tokens for authenticated pushes, signed with a key of the broker's own, in the shape of Google's."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.broker.delivery.push import Identity

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
        numbers = self._key.public_key().public_numbers()
        key = {"kid": self._key_id, "kty": "RSA", "alg": "RS256", "use": "sig"}
        return {"keys": [{**key, "n": _base64url(numbers.n), "e": _base64url(numbers.e)}]}

    def certificates(self) -> dict[str, str]:
        """Give the public key as a PEM certificate by key id, as google-auth fetches it."""
        return {self._key_id: self._certificate}

    def _sign(self, identity: Identity, issued_at: int) -> str:
        claims = {
            "aud": identity.audience,
            "azp": _subject(identity.email),
            "email": identity.email,
            "email_verified": True,
            "exp": issued_at + LIFETIME_SECONDS,
            "iat": issued_at,
            "iss": ISSUER,
            "sub": _subject(identity.email),
        }
        encoded: bytes = jwt.encode(self._signer, claims)  # type: ignore[no-untyped-call]  # the library's
        return encoded.decode("ascii")

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    @cached_property
    def _key_id(self) -> str:
        numbers = self._key.public_key().public_numbers()
        digest = hashes.Hash(hashes.SHA256())
        digest.update(numbers.n.to_bytes(256, "big"))
        return digest.finalize().hex()[:40]

    @cached_property
    def _signer(self) -> Any:
        return crypt.RSASigner(self._key, key_id=self._key_id)  # type: ignore[no-untyped-call]  # the library's

    @cached_property
    def _certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
        start = datetime.fromtimestamp(self._clock(), UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start - timedelta(days=1))
            .not_valid_after(start + timedelta(days=365))
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _subject(email: str) -> str:
    """A service account's number: 21 digits, the same for the same address."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(email.encode())
    return f"1{int.from_bytes(digest.finalize()[:8], 'big'):020d}"


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
