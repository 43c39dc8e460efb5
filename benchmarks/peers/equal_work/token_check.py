"""TokenCheck: who pushes, as Rookery verifies it: signature, audience, account and time; a verdict is kept until it expires."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
import urllib.request
from typing import Any, Final

_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""The prefix of a SHA-256 digest in a signature: RFC 8017, 9.2."""


class TokenCheck:
    """Verifies RS256 tokens of one account for one audience, by the keys of an address."""

    def __init__(self, keys_url: str, audience: str, account: str) -> None:
        """Fetch the keys."""
        # The benchmark's own broker on the loopback.
        with urllib.request.urlopen(keys_url, timeout=30) as response:  # noqa: S310  see above
            keys = json.load(response)["keys"]
        self._keys = {each["kid"]: (_number(each["n"]), _number(each["e"])) for each in keys}
        self._asked = (audience, account)
        self._known: dict[str, float] = {}

    def admits(self, authorization: str | None) -> bool:
        """Whether the sender may push."""
        if authorization is None:
            return False
        until = self._known.get(authorization)
        if until is None:
            until = self._known[authorization] = self._valid_until(authorization.removeprefix("Bearer "))
        return time.time() < until

    def _valid_until(self, token: str) -> float:
        try:
            head, claims, signature = token.split(".")
            modulus, exponent = self._keys[_read(head)["kid"]]
            said = _read(claims)
        except (KeyError, ValueError):
            return 0.0
        size = (modulus.bit_length() + 7) // 8
        digest = _SHA256 + hashlib.sha256(f"{head}.{claims}".encode()).digest()
        wanted = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
        signed = pow(_number(signature), exponent, modulus).to_bytes(size, "big") == wanted
        claimed = (said.get("aud"), said.get("email")) == self._asked and said.get("email_verified") is True
        return float(said["exp"]) if signed and claimed else 0.0


def token_check() -> TokenCheck | None:
    """The check that the benchmark asks for; None where any sender may push."""
    url = os.environ.get("BENCH_KEYS_URL", "")
    return TokenCheck(url, os.environ["BENCH_AUDIENCE"], os.environ["BENCH_ACCOUNT"]) if url else None


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")


def _read(part: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_bytes(part))
    return said
