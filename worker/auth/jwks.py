"""JwksClient: the public keys of those who sign tokens, fetched when needed and kept through an outage."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from typing import TYPE_CHECKING, Final, Self

from rookery.worker.auth.key_download import KeyDownload
from rookery.worker.auth.key_set import read_key_set
from rookery.worker.auth.policy import KeysUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log: Final = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 10.0
"""Least time between two fetches, whatever key ids are sent."""

STALE_SECONDS: Final = 24 * 3600.0
"""How long keys are used beyond their age while none newer can be fetched."""

_AGE_SECONDS: Final = 3600.0
"""The age of keys whose server does not say any."""

_MOST_SECONDS: Final = 24 * 3600.0
_MAX_AGE: Final = re.compile(r"max-age=([0-9]{1,9})")
_SAID_CHARACTERS: Final = 200


class JwksClient:
    """Public keys by key id, as PEM, from a URL that serves a JSON Web Key Set or PEM certificates by key id.

    An async context manager; `clock` is monotonic, in seconds.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Store where keys come from; the first token that needs one fetches them."""
        self._url = url
        self._download = KeyDownload(url)
        self._clock = clock
        self._keys: Mapping[str, str] = {}
        self._fresh_until = 0.0
        self._stale_until = 0.0
        self._next_fetch = float("-inf")
        self._failure: str | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._fetching
        self._download.close()

    async def key(self, key_id: str) -> str | None:
        """Return a key as PEM, None where the signer has no such key; raises KeysUnavailableError."""
        if key_id not in self._keys or self._clock() >= self._fresh_until:
            await self._newer()
        now = self._clock()
        if key_id in self._keys and now < self._stale_until:
            return self._keys[key_id]
        if self._failure is None and now < self._fresh_until:
            return None
        raise KeysUnavailableError(f"the keys at {self._url} cannot be fetched: {self._failure}")

    async def _newer(self) -> None:
        """Fetch the keys, all who ask by one request, but not again so soon."""
        if self._fetching is None:
            if self._clock() < self._next_fetch:
                return
            self._next_fetch = self._clock() + INTERVAL_SECONDS
            self._fetching = asyncio.create_task(self._fetch(), name="signing keys")
        # One caller may leave; the others still wait for the answer.
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            content, cache_control = await self._download.download()
            keys = read_key_set(content)
        # Any failure must reach the callers that wait for a key, so that each request is answered.
        except Exception as error:  # noqa: BLE001  see above
            self._failure = f"{type(error).__name__}: {error}".rstrip(": ")[:_SAID_CHARACTERS]
            log.error("the keys at %s cannot be fetched: %s", self._url, self._failure)  # noqa: TRY400  as it reads
        else:
            self._keys, self._failure = keys, None
            self._fresh_until = self._clock() + _age(cache_control)
            self._stale_until = self._fresh_until + STALE_SECONDS
        finally:
            self._fetching = None


def _age(cache_control: str) -> float:
    found = _MAX_AGE.search(cache_control)
    # However short the age: keys that no token could be verified with before they are old are no use.
    return min(max(float(found[1]), INTERVAL_SECONDS), _MOST_SECONDS) if found else _AGE_SECONDS
