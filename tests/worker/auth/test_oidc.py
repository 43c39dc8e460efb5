"""OidcAuthenticator: what Pub/Sub signed for this worker is admitted and remembered, every forgery is refused."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

from rookery.worker.auth.oidc import VERDICTS, OidcAuthenticator
from rookery.worker.auth.policy import PermissionDeniedError
from tests.worker.auth.forged_tokens import FORGED
from tests.worker.auth.signed_tokens import GENUINE, SIGNER, signed

if TYPE_CHECKING:
    from tests.worker.auth.key_server import Clock, KeyServer


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


def test_the_stand_in_signer_is_no_weaker_than_google() -> None:
    """Genuine tokens in these tests are RS256 with a key of 2,048 bits."""
    header = jwt.decode_header(GENUINE)  # type: ignore[no-untyped-call]  # the library's
    assert header["alg"] == "RS256"
    assert isinstance(SIGNER._key._key, rsa.RSAPrivateKey)
    assert SIGNER._key._key.key_size == 2048
    assert isinstance(SIGNER._key._signer, crypt.RSASigner)
