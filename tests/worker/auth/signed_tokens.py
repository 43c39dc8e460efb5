"""Tokens as Pub/Sub signs them for a worker, and with claims, headers and keys of a test's choice."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from google.auth import jwt

from rookery.broker.delivery.push import Identity
from rookery.broker.delivery.token_signer import ISSUER, TokenSigner

if TYPE_CHECKING:
    from collections.abc import Callable

AUDIENCE = "https://worker.example/"
EMAIL = "pusher@project.iam.gserviceaccount.com"
SIGNER = TokenSigner(time.time)
UNTRUSTED = TokenSigner(time.time)
GENUINE = SIGNER.token(Identity(email=EMAIL, audience=AUDIENCE))
KEY_ID = next(iter(SIGNER.certificates()))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    true = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "email": EMAIL,
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
        "sub": "1",
    }
    return {name: value for name, value in {**true, **changes}.items() if value is not None}


def signed(signer: TokenSigner = SIGNER, header: dict[str, Any] | None = None, **changes: Any) -> str:
    # Named twice, for the library prefers the signer's own id to the header's.
    key_id = (header or {}).get("kid")
    token: bytes = jwt.encode(signer._key._signer, claims(**changes), header=header, key_id=key_id)  # type: ignore[no-untyped-call]
    return token.decode()


def signed_text(claims_text: str, header_text: str | None = None) -> str:
    """A genuine signature over any JSON text: what `json.dumps` would never write, or write otherwise."""
    header = header_text or json.dumps({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"})
    signing = f"{segment(header.encode())}.{segment(claims_text.encode())}"
    return f"{signing}.{segment(SIGNER._key._signer.sign(signing.encode()))}"


def claims_with(**literal: str) -> str:
    """The true claims as JSON text, some of them written as they stand: `claims_with(exp="1e999")`."""
    true = {name: value for name, value in claims().items() if name not in literal}
    return json.dumps(true)[:-1] + "".join(f', "{name}": {text}' for name, text in literal.items()) + "}"


def header_with(**fields: Any) -> dict[str, Any]:
    return {"alg": "RS256", "kid": KEY_ID, **fields}


def segment(content: bytes | dict[str, Any]) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], signature: Callable[[bytes], bytes] = lambda _: b"") -> str:
    signing = f"{segment(header)}.{segment(claims())}"
    return f"{signing}.{segment(signature(signing.encode()))}"
