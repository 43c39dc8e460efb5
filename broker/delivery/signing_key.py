"""SigningKey: the RSA key of a broker's tokens, as a signer, a JSON Web Key and a certificate."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt


class SigningKey:
    """A key made now; `now` is in seconds since 1970."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    def sign(self, claims: dict[str, Any]) -> str:
        """Give a JWT with these claims."""
        encoded: bytes = jwt.encode(self._signer, claims)  # type: ignore[no-untyped-call]  # the library's
        return encoded.decode("ascii")

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Give the public key as a JSON Web Key Set."""
        numbers = self._key.public_key().public_numbers()
        key = {"kid": self.key_id, "kty": "RSA", "alg": "RS256", "use": "sig"}
        return {"keys": [{**key, "n": _base64url(numbers.n), "e": _base64url(numbers.e)}]}

    @cached_property
    def key_id(self) -> str:
        """The key's name in tokens and sets."""
        numbers = self._key.public_key().public_numbers()
        digest = hashes.Hash(hashes.SHA256())
        digest.update(numbers.n.to_bytes(256, "big"))
        return digest.finalize().hex()[:40]

    @cached_property
    def certificate(self) -> str:
        """The public key as a PEM certificate."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
        start = datetime.fromtimestamp(self._now, UTC)
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

    @cached_property
    def _signer(self) -> Any:
        return crypt.RSASigner(self._key, key_id=self.key_id)  # type: ignore[no-untyped-call]  # the library's


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
