"""Brokers with a store in the folder of the test."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from rookery.broker.server import EmbeddedBroker
from tests.broker.storage.client import RestClient, connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[RestClient]]:
    """Start a broker on the test's folder; a context of its client, which stops the broker at its end."""

    @asynccontextmanager
    async def start(**options: Any) -> AsyncIterator[RestClient]:
        async with (
            EmbeddedBroker(data=tmp_path / "data", **options) as broker,
            connected(broker.address) as client,
        ):
            yield client

    return start
