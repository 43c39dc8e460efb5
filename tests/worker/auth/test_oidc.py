"""Tokens: what Pub/Sub signed for this worker is admitted, every forgery is refused before anything is read."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.auth import crypt, jwt
from multidict import CIMultiDict

from rookery.broker.delivery.push import Identity
from rookery.broker.delivery.token_signer import ISSUER, TokenSigner
from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.auth.jwks import INTERVAL_SECONDS, KEY_SET_BYTES, STALE_SECONDS, JwksClient
from rookery.worker.auth.oidc import VERDICTS, ExpectedClaims, OidcAuthenticator
from rookery.worker.auth.policy import KeysUnavailableError, PermissionDeniedError
from rookery.worker.errors import MisconfiguredError
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

AUDIENCE = "https://worker.example/"
EMAIL = "pusher@project.iam.gserviceaccount.com"
EXPECTED = ExpectedClaims(AUDIENCE, EMAIL)
SIGNER = TokenSigner(time.time)
UNTRUSTED = TokenSigner(time.time)
GENUINE = SIGNER.token(Identity(email=EMAIL, audience=AUDIENCE))


class KeyServer:
    """Serves a signer's keys over HTTP; counts, and fails on demand."""

    def __init__(self) -> None:
        self.document: Any = SIGNER.jwks()
        self.asked = 0
        self.status = 200
        self.age = "public, max-age=100"
        self.raw: bytes | None = None
        self.headers: dict[str, str] = {}
        self.moved: str | None = None
        self.endless = False
        self.sent = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def _without_end(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" " * 65_536)
                self.sent += 65_536
        return response

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.gate.wait()
        if self.raw is not None:
            return web.Response(body=self.raw, headers=self.headers)
        if self.endless:
            return await self._without_end(request)
        if self.moved is not None:
            raise web.HTTPFound(self.moved)
        return web.json_response(self.document, status=self.status, headers={"Cache-Control": self.age})


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
async def url(server: KeyServer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/certs", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/certs"
    await runner.cleanup()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(url: str, clock: Clock) -> AsyncIterator[JwksClient]:
    async with JwksClient(url, clock=clock) as keys:
        yield keys


@pytest.fixture
def guard(keys: JwksClient, clock: Clock) -> OidcAuthenticator:
    return OidcAuthenticator(keys, EXPECTED, clock=clock)


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


KEY_ID = next(iter(SIGNER.certificates()))
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


@pytest.mark.parametrize("kind", FORGED)
async def test_a_forged_token_is_denied(guard: OidcAuthenticator, kind: str) -> None:
    """Each is refused with 401, or 403 where it is a genuine token of another account; none is remembered."""
    for _ in range(2):
        assert not guard.known(FORGED[kind])
        with pytest.raises(PermissionDeniedError) as denied:
            await guard.admit(FORGED[kind])
    assert denied.value.status == (403 if "e-mail" in kind or kind == "verification absent" else 401)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("alg none", "algorithm"),
        ("HS256 with the certificate", "algorithm"),
        ("ES256 named", "algorithm"),
        ("100 kB long", "length"),
        ("1 MB long", "length"),
        ("no key id", "key"),
        ("another scheme", "scheme"),
        ("absent", "absent"),
    ],
)
async def test_a_token_that_is_refused_without_a_key_fetches_none(
    guard: OidcAuthenticator, server: KeyServer, kind: str, cause: str
) -> None:
    """Other algorithms and endless tokens are refused before any key is fetched, under a cause of their own."""
    with pytest.raises(PermissionDeniedError) as denied:
        await guard.admit(FORGED[kind])
    assert (denied.value.cause, server.asked) == (cause, 0)


@pytest.mark.parametrize("kind", ["JSON Web Keys", "PEM certificates"])
async def test_a_genuine_token_is_admitted_and_its_verdict_remembered_until_it_expires(
    guard: OidcAuthenticator, server: KeyServer, clock: Clock, kind: str
) -> None:
    """One fetch, one verification; afterwards neither crypto nor network."""
    server.document = SIGNER.jwks() if kind == "JSON Web Keys" else SIGNER.certificates()
    token = f"Bearer {signed()}"
    assert not guard.known(token)
    await guard.admit(token)
    for _ in range(100):
        assert guard.known(token)
        await guard.admit(token)
    assert server.asked == 1
    clock.now += 3700
    assert not guard.known(token)
    assert not guard._verdicts


async def test_the_scheme_may_be_of_either_case(guard: OidcAuthenticator) -> None:
    """HTTP says so."""
    await guard.admit(f"bearer {GENUINE}")


async def test_only_so_many_verdicts_are_remembered_and_the_one_in_use_stays(
    guard: OidcAuthenticator,
) -> None:
    """Memory is bounded, and what is used is what is kept."""
    used = f"Bearer {GENUINE}"
    await guard.admit(used)
    guard._verdicts.update({f"Bearer {nth}": float("inf") for nth in range(VERDICTS - 1)})
    assert guard.known(used)
    await guard.admit(f"Bearer {signed(sub='2')}")
    assert len(guard._verdicts) == VERDICTS
    assert guard.known(used)
    assert not guard.known("Bearer 0")


async def test_all_who_need_keys_at_once_share_one_fetch(guard: OidcAuthenticator, server: KeyServer) -> None:
    """Single flight: a burst at the start fetches once, and a caller that leaves cancels no other."""
    server.gate.clear()
    asking = [asyncio.create_task(guard.admit(f"Bearer {signed(sub=str(nth))}")) for nth in range(20)]
    while not server.asked:  # noqa: ASYNC110  a turn of the loop at a time
        await asyncio.sleep(0)
    asking[0].cancel()
    server.gate.set()
    ended = await asyncio.gather(*asking, return_exceptions=True)
    assert ended[1:] == [None] * 19
    assert server.asked == 1


async def test_unknown_key_ids_cause_one_fetch_an_interval(
    guard: OidcAuthenticator, server: KeyServer, clock: Clock
) -> None:
    """Made-up key ids cannot make the worker hammer Google; a rotated key is found by the same rule."""
    await guard.admit(f"Bearer {GENUINE}")
    for nth in range(10):
        with pytest.raises(PermissionDeniedError):
            await guard.admit("Bearer " + signed(UNTRUSTED, header={"alg": "RS256", "kid": f"k{nth}"}))
    assert server.asked == 1
    clock.now += INTERVAL_SECONDS
    server.document = UNTRUSTED.jwks()
    await guard.admit("Bearer " + signed(UNTRUSTED))
    assert server.asked == 2


async def test_stale_keys_serve_through_an_outage_but_not_for_ever(
    keys: JwksClient, server: KeyServer, clock: Clock
) -> None:
    """Keys beyond their age are refreshed, used while that fails, fresh again after, and given up after a day."""
    assert await keys.key(KEY_ID)
    clock.now += 101
    server.status = 500
    assert await keys.key(KEY_ID)
    assert server.asked == 2
    assert await keys.key(KEY_ID)
    assert server.asked == 2
    with pytest.raises(KeysUnavailableError, match="500"):
        await keys.key("unknown")
    server.status = 200
    clock.now += INTERVAL_SECONDS
    assert await keys.key(KEY_ID)
    assert (await keys.key("unknown"), server.asked) == (None, 3)
    server.status = 500
    clock.now += 100 + STALE_SECONDS
    with pytest.raises(KeysUnavailableError):
        await keys.key(KEY_ID)


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


async def test_a_key_set_without_end_is_given_up_at_its_bound(keys: JwksClient, server: KeyServer) -> None:
    """The keys' server cannot fill the worker's memory."""
    server.endless = True
    with pytest.raises(KeysUnavailableError, match=f"more than {KEY_SET_BYTES}"):
        await keys.key(KEY_ID)
    # The sockets' buffers hold bytes beside those that were read.
    assert server.sent < 100 * KEY_SET_BYTES


async def test_keys_are_not_fetched_from_where_their_address_sends(
    keys: JwksClient, server: KeyServer, url: str
) -> None:
    """A redirect could lead from https:// to anywhere: it is a failed fetch, and asked is the one address."""
    server.moved = url
    with pytest.raises(KeysUnavailableError, match="302"):
        await keys.key(KEY_ID)
    assert server.asked == 1


async def test_a_guard_that_fails_is_503_and_no_silence(
    url: str, server: KeyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender gets an answer although checking its token fails, on both HTTP paths and both endpoints."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(OidcAuthenticator, "_hold", broken)
    headers = {"Authorization": f"Bearer {GENUINE}"}
    for fast_path in (True, False):
        chosen = settings(tmp_path, push_jwks_url=url, fast_path=fast_path)
        async with running(chosen) as address, aiohttp.ClientSession(address) as client:
            for path in ("/", "/predict"):
                async with client.post(path, data=body(), headers=headers) as answer:
                    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert server.asked == 2


async def test_two_tokens_are_none(url: str, tmp_path: Path) -> None:
    """A request with two Authorization headers is refused, for either could count."""
    both = CIMultiDict([("Authorization", f"Bearer {GENUINE}"), ("Authorization", "Bearer other")])
    async with serving(tmp_path, url) as client:
        for path in ("/", "/predict"):
            async with client.post(path, data=body(), headers=both) as answer:
                assert answer.status == 401


async def test_a_token_that_is_not_before_a_moment_ago_is_admitted(guard: OidcAuthenticator) -> None:
    """A token whose `nbf` lies in the future, beyond the skew of two clocks, is refused."""
    await guard.admit("Bearer " + signed(nbf=int(time.time()) + 5))


async def test_a_known_token_is_looked_up_and_not_verified_again(
    guard: OidcAuthenticator, server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steady state is a dictionary's look-up, however many requests carry the token."""
    await guard.admit(f"Bearer {GENUINE}")
    for expensive in ("read_web_token", "jwt", "_token"):
        monkeypatch.setattr(f"rookery.worker.auth.oidc.{expensive}", None)
    called: list[str] = []

    def note(_frame: object, event: str, argument: object) -> None:
        if event in {"call", "c_call"}:
            called.append(getattr(argument, "__name__", event))

    for _ in range(100):
        # The header of every request is a new string.
        token = f"Bearer {GENUINE} ".rstrip()
        await guard.admit(token)
        sys.setprofile(note)
        known = guard.known(token)
        sys.setprofile(None)
        assert known
    # `known` itself, the look-up, the clock, a place at the end of the queue, and the profile's own end.
    assert len(called) <= 5 * 100, set(called)
    assert server.asked == 1


def settings(folder: Path, **chosen: Any) -> Settings:
    oidc = {"push_auth": "oidc", "push_audience": AUDIENCE, "push_service_account": EMAIL}
    return Settings(
        port=0,
        results=f"file://{folder}/results",
        rejects=f"file://{folder}/rejects",
        **{**oidc, **chosen},
    )


@asynccontextmanager
async def serving(folder: Path, url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        running(settings(folder, push_jwks_url=url)) as address,
        aiohttp.ClientSession(address) as client,
    ):
        yield client


def body() -> bytes:
    message = {"data": base64.b64encode(encode(ReadingFactory(1).reading())).decode(), "messageId": "m1"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


async def test_no_forged_request_reaches_the_parser_over_http(url: str, tmp_path: Path) -> None:
    """On both doors a forgery is answered 401 or 403, whatever its body; nothing is read, stored or counted."""
    async with serving(tmp_path, url) as client:
        for path, content in (("/", b"no envelope"), ("/", body()), ("/predict", b"no reading")):
            for kind, token in FORGED.items():
                headers = {"Authorization": token} if token is not None else {}
                async with client.post(path, data=content, headers=headers) as answer:
                    assert answer.status in {401, 403}, (path, kind)
        async with client.get("/metrics") as scraped:
            reported = await scraped.text()
        assert "rookery_invalid_envelopes_total 0.0" in reported
        assert "rookery_batch_messages_count 0.0" in reported
    assert not list(tmp_path.rglob("*.ndjson"))


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "aiohttp"])
async def test_an_unauthenticated_sender_is_refused_by_its_head_on_both_paths(
    url: str, tmp_path: Path, *, fast_path: bool
) -> None:
    """Before a byte of a body came, however it would be framed; a token is the same with a tab before it."""
    genuine = f"Authorization:\t Bearer {GENUINE} \t"
    length, lines = f"Content-Length: {len(body())}", ("POST / HTTP/1.1", "POST /predict HTTP/1.1")
    async with running(settings(tmp_path, push_jwks_url=url, fast_path=fast_path)) as address:
        port = int(address.rpartition(":")[2])
        for fields, sent, expected in (
            ([length], b"", 401),
            (["Content-Length: 15000000"], b"", 401),
            (["Content-Length: 9223372036854775808"], b"", 401),
            (["Transfer-Encoding: chunked"], b"", 401),
            ([length, "Content-Encoding: gzip"], body(), 401),
            ([length, "Expect: 100-continue"], b"", 401),
            ([length, "Authorization: Bearer\t" + GENUINE], b"", 401),
            ([length, genuine], body(), 204),
            ([length, genuine], body(), 204),
            ([length, genuine, "Authorization: Bearer " + GENUINE], body(), 401),
        ):
            for line in lines if expected == 401 else lines[:1]:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write("\r\n".join([line, "Host: localhost", *fields, "", ""]).encode() + sent)
                answer = await reader.readuntil(b"\r\n\r\n")
                assert int(answer.split()[1]) == expected, (line, fields)
                assert (b"WWW-Authenticate: Bearer" in answer) == (expected == 401)
                writer.close()


async def test_a_genuine_request_is_served_over_http(url: str, server: KeyServer, tmp_path: Path) -> None:
    """Both doors, many requests, one fetch; the probes stay open to the platform."""
    headers = {"Authorization": f"Bearer {GENUINE}"}
    async with serving(tmp_path, url) as client:
        for _ in range(5):
            async with client.post("/", data=body(), headers=headers) as answer:
                assert answer.status == 204
        async with client.post(
            "/predict", data=encode(ReadingFactory(1).reading()), headers=headers
        ) as answer:
            assert answer.status == 200
        async with client.get("/readyz") as answer:
            assert answer.status == 200
    assert server.asked == 1


async def test_keys_out_of_reach_are_503_and_no_verdict(url: str, server: KeyServer, tmp_path: Path) -> None:
    """The sender may be genuine: the message is redelivered."""
    server.status = 500
    async with (
        serving(tmp_path, url) as client,
        client.post("/", data=body(), headers={"Authorization": f"Bearer {GENUINE}"}) as answer,
    ):
        assert answer.status == 503
        assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"push_auth": "none", "host": "0.0.0.0"}, "ROOKERY_PUSH_AUTH=none"),  # noqa: S104  that is the point
        ({"push_auth": "none", "host": "::"}, "ROOKERY_PUSH_AUTH=none"),
        ({"push_audience": ""}, "ROOKERY_PUSH_AUDIENCE"),
        ({"push_service_account": ""}, "ROOKERY_PUSH_SERVICE_ACCOUNT"),
        ({"push_jwks_url": "http://keys.example/certs"}, "ROOKERY_PUSH_JWKS_URL"),
    ],
)
async def test_an_open_door_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], named: str
) -> None:
    """A worker that any machine reaches does not start without authentication by mistake."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    with pytest.raises(MisconfiguredError, match=named):
        async with running(settings(tmp_path, **chosen)):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104  with the emulator only
async def test_none_is_for_this_machine_or_the_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Loopback needs no guard; any other address none while the emulator is in use."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")
    async with running(settings(tmp_path, push_auth="none", host=host)) as address:
        assert address


def test_the_stand_in_signer_is_no_weaker_than_google() -> None:
    """Genuine tokens in these tests are RS256 with a key of 2,048 bits."""
    header = jwt.decode_header(GENUINE)  # type: ignore[no-untyped-call]  # the library's
    assert header["alg"] == "RS256"
    assert isinstance(SIGNER._key._key, rsa.RSAPrivateKey)
    assert SIGNER._key._key.key_size == 2048
    assert isinstance(SIGNER._key._signer, crypt.RSASigner)
