"""Key sets: a key that cannot be used is left out, and a set that cannot be read is a failed fetch."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rookery.worker.auth.key_download import KEY_SET_BYTES
from rookery.worker.auth.policy import KeysUnavailableError
from tests.worker.auth.signed_tokens import GENUINE, KEY_ID, SIGNER

if TYPE_CHECKING:
    from rookery.worker.auth.jwks import JwksClient
    from rookery.worker.auth.oidc import OidcAuthenticator
    from tests.worker.auth.key_server import KeyServer


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"keys": []},
        {"keys": [{"kty": "EC", "kid": "1"}]},
        {"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "kid": "1", "n": "%", "e": "AQAB"}]},
        {"1": "no PEM"},
    ],
    ids=str,
)
async def test_a_document_without_a_usable_key_is_a_failed_fetch(
    keys: JwksClient, server: KeyServer, document: Any
) -> None:
    """503, because the token cannot be checked: the message is redelivered."""
    server.document = document
    with pytest.raises(KeysUnavailableError):
        await keys.key(KEY_ID)


GOOD_KEY = SIGNER.jwks()["keys"][0]
UNUSABLE: dict[str, Any] = {
    "too short": {**GOOD_KEY, "kid": "short", "n": "AQAB"},
    "no base64": {**GOOD_KEY, "kid": "text", "n": "\xe4%"},
    "exponent 1": {**GOOD_KEY, "kid": "one", "e": "AQ"},
    "exponent 0": {**GOOD_KEY, "kid": "zero", "e": "AA"},
    "even exponent": {**GOOD_KEY, "kid": "even", "e": "Ag"},
    "huge modulus": {**GOOD_KEY, "kid": "huge", "n": "A" + "f" * 40_000},
    "huge exponent": {**GOOD_KEY, "kid": "slow", "e": GOOD_KEY["n"][:-4] + "AAAB"},
    "modulus a number": {**GOOD_KEY, "kid": "number", "n": 65537},
    "kid a list": {**GOOD_KEY, "kid": ["k"]},
    "kid absent": {name: value for name, value in GOOD_KEY.items() if name != "kid"},
    "elliptic": {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
    "symmetric": {"kty": "oct", "kid": "oct", "k": "AQAB"},
    "for encryption": {**GOOD_KEY, "kid": "enc", "use": "enc"},
    "for signing only": {**GOOD_KEY, "kid": "sign", "key_ops": ["sign"]},
    "operations a number": {**GOOD_KEY, "kid": "ops", "key_ops": 1},
    "other algorithm": {**GOOD_KEY, "kid": "ps", "alg": "PS256"},
    "algorithm a list": {**GOOD_KEY, "kid": "list", "alg": ["RS256"]},
    "null": None,
    "text": "key",
    "list": [GOOD_KEY],
}


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_a_key_that_is_not_usable_is_left_out_and_the_others_serve(
    keys: JwksClient, server: KeyServer, kind: str
) -> None:
    """One key of a kind that is not used here, or broken, takes none of the others with it."""
    odd = UNUSABLE[kind]
    server.document = {"keys": [odd, GOOD_KEY, odd]}
    assert await keys.key(KEY_ID)
    assert set(keys._keys) == {KEY_ID}


EC_PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
SHORT_PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  that is the point
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.mark.parametrize(
    "odd",
    [
        "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN ",
        EC_PEM,
        SHORT_PEM,
        7,
        None,
        ["-----BEGIN CERTIFICATE-----"],
    ],
    ids=["rubbish", "empty", "a beginning", "elliptic", "short", "number", "null", "list"],
)
async def test_a_certificate_that_is_not_usable_is_left_out_and_the_others_serve(
    keys: JwksClient, server: KeyServer, odd: Any
) -> None:
    """The same for keys that come as PEM by key id."""
    server.document = {"odd": odd, **SIGNER.certificates()}
    assert await keys.key(KEY_ID)
    assert set(keys._keys) == {KEY_ID}


NOT_READ: dict[str, bytes] = {
    "nested 200,000 deep": b"[" * 200_000,
    "nested and closed": b'{"keys":' * 20_000 + b"1" + b"}" * 20_000,
    "no JSON": b"<html>",
    "no UTF-8": b'{"keys": "\xff"}',
    "empty": b"",
    "a number of 100,000 digits": b"1" * 100_000,
    "more than a key set": json.dumps({"keys": [GOOD_KEY], "more": "x" * KEY_SET_BYTES}).encode(),
    "gzip, unasked": gzip.compress(json.dumps(SIGNER.jwks()).encode()),
}


@pytest.mark.parametrize("kind", NOT_READ)
async def test_a_key_set_that_cannot_be_read_is_a_failed_fetch(
    guard: OidcAuthenticator, server: KeyServer, kind: str
) -> None:
    """A token's sender gets 503 for any answer of the keys' server, and the next fetch is tried in time."""
    server.raw = NOT_READ[kind]
    if kind.startswith("gzip"):
        server.headers = {"Content-Encoding": "gzip"}
    for _ in range(2):
        with pytest.raises(KeysUnavailableError):
            await guard.admit(f"Bearer {GENUINE}")
    assert server.asked == 1
