"""Authorization headers that no worker admits."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from rookery.broker.delivery.token_signer import ISSUER
from tests.worker.auth.signed_tokens import (
    AUDIENCE,
    EMAIL,
    GENUINE,
    KEY_ID,
    SIGNER,
    UNTRUSTED,
    claims,
    claims_with,
    header_with,
    segment,
    signed,
    signed_text,
    unsigned,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PEM = SIGNER.certificates()[KEY_ID].encode()
HOUR_AGO = int(time.time()) - 3600


def hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signing: hmac.new(secret, signing, hashlib.sha256).digest()


def tampered() -> str:
    header, _, signature = GENUINE.split(".")
    return f"{header}.{segment(claims(sub='2'))}.{signature}"


FORGED: dict[str, str | None] = {
    "absent": None,
    "empty": "",
    "another scheme": "Basic cHVzaGVyOnB1c2hlcg==",
    "no token": "Bearer ",
    "no JWT": "Bearer hello",
    "alg none": "Bearer " + unsigned({"alg": "none", "kid": KEY_ID}),
    "alg None": "Bearer " + unsigned({"alg": "None", "kid": KEY_ID}),
    "no alg": "Bearer " + unsigned({"kid": KEY_ID}),
    "alg a list": "Bearer " + unsigned({"alg": ["RS256"], "kid": KEY_ID}),
    "HS256 with the certificate": "Bearer " + unsigned({"alg": "HS256", "kid": KEY_ID}, hmac_with(PEM)),
    "RS256 named, HMAC made": "Bearer " + unsigned({"alg": "RS256", "kid": KEY_ID}, hmac_with(PEM)),
    "ES256 named": "Bearer " + signed(header={"alg": "ES256", "kid": KEY_ID}),
    "own claims": "Bearer " + tampered(),
    "untrusted key under a known id": "Bearer " + signed(UNTRUSTED, header={"alg": "RS256", "kid": KEY_ID}),
    "unknown key id": "Bearer " + signed(UNTRUSTED),
    "no key id": "Bearer " + unsigned({"alg": "RS256"}),
    "key id a list": "Bearer " + unsigned({"alg": "RS256", "kid": [KEY_ID]}),
    "wrong audience": "Bearer " + signed(aud="https://other.example/"),
    "audience without its slash": "Bearer " + signed(aud=AUDIENCE.rstrip("/")),
    "audience a list": "Bearer " + signed(aud=[AUDIENCE]),
    "no audience": "Bearer " + signed(aud=None),
    "wrong e-mail": "Bearer " + signed(email="other@project.iam.gserviceaccount.com"),
    "e-mail of other case": "Bearer " + signed(email=EMAIL.upper()),
    "no e-mail": "Bearer " + signed(email=None),
    "e-mail not verified": "Bearer " + signed(email_verified=False),
    "e-mail verified in words": "Bearer " + signed(email_verified="true"),
    "verification absent": "Bearer " + signed(email_verified=None),
    "expired": "Bearer " + signed(iat=HOUR_AGO - 3600, exp=HOUR_AGO),
    "expired a minute ago": "Bearer " + signed(iat=HOUR_AGO, exp=HOUR_AGO + 3540),
    "of the future": "Bearer " + signed(iat=int(time.time()) + 3600, exp=int(time.time()) + 7200),
    "no expiry": "Bearer " + signed(exp=None),
    "no issue time": "Bearer " + signed(iat=None),
    "expiry in words": "Bearer " + signed(exp="never"),
    "expiry in digits": "Bearer " + signed(exp=str(int(time.time()) + 3600)),
    "expiry a list": "Bearer " + signed(exp=[int(time.time()) + 3600]),
    "expiry true": "Bearer " + signed(exp=True),
    "expiry NaN": "Bearer " + signed(exp=float("nan")),
    "expiry infinite": "Bearer " + signed(exp=float("inf")),
    "expiry of 1e999": "Bearer " + signed_text(claims_with(exp="1e999")),
    "expiry beyond any float": "Bearer " + signed_text(claims_with(exp="1" + "0" * 400)),
    "expiry beyond the year 9999": "Bearer " + signed(exp=10**15),
    "issue time true": "Bearer " + signed(iat=True),
    "issue time false": "Bearer " + signed(iat=False),
    "issue time NaN": "Bearer " + signed(iat=float("nan")),
    "issue time infinitely long ago": "Bearer " + signed(iat=float("-inf")),
    "not before an hour from now": "Bearer " + signed(nbf=int(time.time()) + 3600),
    "not before NaN": "Bearer " + signed(nbf=float("nan")),
    "not before in words": "Bearer " + signed(nbf="now"),
    "not before false": "Bearer " + signed(nbf=False),
    "not before null": "Bearer " + signed_text(claims_with(nbf="null")),
    "critical extension": "Bearer " + signed(header=header_with(crit=["exp"])),
    "critical extension null": "Bearer " + signed(header=header_with(crit=None)),
    "critical extensions, none": "Bearer " + signed(header=header_with(crit=[])),
    "expiry twice": "Bearer " + signed_text(claims_with(sub='"1", "exp": 1, "exp": 4000000000')),
    "issuer twice": "Bearer " + signed_text(f'{{"iss": "https://evil.example", {claims_with()[1:]}'),
    "algorithm twice": "Bearer "
    + signed_text(claims_with(), f'{{"alg": "none", "alg": "RS256", "kid": "{KEY_ID}"}}'),
    "a member twice, deep inside": "Bearer " + signed_text(claims_with(more='{"a": [{"b": 1, "b": 2}]}')),
    "claims a list": "Bearer " + signed_text("[]"),
    "claims null": "Bearer " + signed_text("null"),
    "bottomless claims": "Bearer " + signed_text("[" * 2000),
    "key id empty": "Bearer " + signed_text(claims_with(), '{"alg": "RS256", "kid": ""}'),
    "key id a number": "Bearer " + unsigned({"alg": "RS256", "kid": 1}),
    "key id an object": "Bearer " + unsigned({"alg": "RS256", "kid": {KEY_ID: KEY_ID}}),
    "own key in the header": "Bearer "
    + signed(UNTRUSTED, header=header_with(jwk=UNTRUSTED.jwks()["keys"][0])),
    "signature of letters that base64 skips": f"Bearer {GENUINE}!!",
    "white space within": f"Bearer {GENUINE[:40]} {GENUINE[40:]}",
    "padded": f"Bearer {GENUINE}==",
    "issuer a list": "Bearer " + signed(iss=[ISSUER]),
    "issuer an object": "Bearer " + signed(iss={ISSUER: ISSUER}),
    "audience an object": "Bearer " + signed(aud={AUDIENCE: AUDIENCE}),
    "e-mail a list": "Bearer " + signed(email=[EMAIL]),
    "e-mail verified by a number": "Bearer " + signed(email_verified=1),
    "other issuer": "Bearer " + signed(iss="https://accounts.example.com"),
    "no issuer": "Bearer " + signed(iss=None),
    "truncated": f"Bearer {GENUINE[:-20]}",
    "two segments": "Bearer " + ".".join(GENUINE.split(".")[:2]),
    "four segments": f"Bearer {GENUINE}.AAAA",
    "bottomless header": "Bearer " + f"{segment(b'[' * 2500)}.e30.AAAA",
    "not ASCII": "Bearer \xe4\xf6\xfc.\xdf.\xdf",
    "100 kB long": "Bearer " + GENUINE + "A" * 100_000,
    "1 MB long": "Bearer " + "A" * 1_000_000,
}
