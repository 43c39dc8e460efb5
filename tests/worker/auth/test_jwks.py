"""JwksClient: keys are fetched once for all who need them, at an interval, and used until they are too old."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rookery.worker.auth.jwks import INTERVAL_SECONDS, STALE_SECONDS, JwksClient
from rookery.worker.auth.key_download import KEY_SET_BYTES, KeyDownload
from rookery.worker.auth.key_set import read_key_set
from rookery.worker.auth.policy import KeysUnavailableError, PermissionDeniedError
from tests.worker.auth.signed_tokens import GENUINE, KEY_ID, UNTRUSTED, signed

if TYPE_CHECKING:
    from rookery.worker.auth.oidc import OidcAuthenticator
    from tests.worker.auth.key_server import Clock, KeyServer


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


async def test_a_key_server_that_does_not_answer_holds_no_thread(url: str, server: KeyServer) -> None:
    """A download that was given up ends at once, so that the next one can begin: both have the same thread."""
    server.gate.clear()
    download = KeyDownload(url)
    waiting = asyncio.create_task(download.download())
    while not server.asked:  # noqa: ASYNC110  a turn of the loop at a time
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    server.gate.set()
    content, _ = await download.download()
    assert (read_key_set(content).keys(), server.asked) == ({KEY_ID}, 2)
    download.close()
