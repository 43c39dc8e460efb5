"""Tokens are reused until shortly before their end."""

from __future__ import annotations

from google.auth import jwt

from rookery.broker.delivery.push import Identity
from rookery.broker.delivery.token_signer import TokenSigner


def test_token_is_cached_until_near_its_end() -> None:
    """The same token serves for most of its hour, then a new one with a later end."""
    now = 1_800_000_000.0
    signer = TokenSigner(lambda: now)
    identity = Identity(email="push@p.iam.gserviceaccount.com", audience="https://worker/")
    first = signer.token(identity)
    now += 3_000
    assert signer.token(identity) == first
    now += 400
    second = signer.token(identity)
    assert jwt.decode(second, verify=False)["exp"] == int(now) + 3_600
    assert signer.token(Identity(email="other@p", audience="https://worker/")) != second
