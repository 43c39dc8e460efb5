"""Key sets: the public RSA keys of a JSON Web Key Set, or of PEM by key id; what is not usable is left out."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEAST_BITS: Final = 2048
_MOST_BITS: Final = 8192
"""Verifying with a longer key takes milliseconds of the loop."""

_MOST_EXPONENT_BITS: Final = 64
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


def read_key_set(content: bytes) -> dict[str, str]:
    """Read a key set of either kind, as PEM by key id; raises ValueError where it holds no usable key."""
    try:
        document = json.loads(content)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004  about a server's answer, not about an argument
    if isinstance(document.get("keys"), list):
        found = {each["kid"]: _web_key(each) for each in document["keys"] if _suitable(each)}
    else:
        found = {name: _pem(text) for name, text in document.items() if isinstance(text, str)}
    keys = {name: pem for name, pem in found.items() if pem is not None}
    if not keys:
        raise ValueError("the answer holds no usable RSA key")
    return keys


def _suitable(key: Any) -> bool:
    operations = key.get("key_ops", ["verify"]) if isinstance(key, dict) else None
    return (
        isinstance(operations, list)
        and "verify" in operations
        and key.get("kty") == "RSA"
        and key.get("alg", "RS256") == "RS256"
        and key.get("use", "sig") == "sig"
        and all(isinstance(key.get(name), str) for name in ("kid", "n", "e"))
    )


def _web_key(key: Mapping[str, str]) -> str | None:
    try:
        modulus, exponent = _number(key["n"]), _number(key["e"])
        # Checked first: a modulus of a million bits takes seconds to load.
        if modulus.bit_length() > _MOST_BITS or exponent.bit_length() > _MOST_EXPONENT_BITS:
            return None
        return _usable(RSAPublicNumbers(exponent, modulus).public_key())
    except ValueError:
        return None


def _pem(text: str) -> str | None:
    try:
        if text.startswith(_CERTIFICATE):
            from cryptography import x509  # noqa: PLC0415  a third of the memory, which keys as they are save

            return _usable(x509.load_pem_x509_certificate(text.encode()).public_key())
        return _usable(load_pem_public_key(text.encode()))
    except Exception:  # noqa: BLE001  about untrusted bytes: unknown algorithms and versions have exceptions of their own
        return None


def _usable(key: Any) -> str | None:
    """A key as PEM, None where its kind or its length is not what tokens are verified with."""
    if not isinstance(key, RSAPublicKey) or not _LEAST_BITS <= key.key_size <= _MOST_BITS:
        return None
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _number(text: str) -> int:
    """A number in base64url; raises ValueError."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
