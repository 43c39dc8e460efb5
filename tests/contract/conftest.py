"""One fixture, two brokers: what holds on the embedded one holds on Google's emulator, where one is found."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.broker.server import EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True)
class PubSub:
    """A broker under contract, by REST; `is_google` where it is the emulator."""

    session: aiohttp.ClientSession
    is_google: bool

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask for something that must succeed, below projects/contract."""
        async with self.session.request(method, f"/v1/projects/contract/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json(content_type=None)
            return found

    async def status(self, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        """Ask for something that may be refused; gives HTTP's status."""
        async with self.session.request(method, f"/v1/projects/contract/{path}", json=body) as answer:
            return answer.status

    async def subscribe(self, name: str, *, topic: str = "work", **fields: Any) -> None:
        """Create the topic where it is missing, and a subscription to it."""
        assert await self.status("PUT", f"topics/{topic}", {}) in {200, 409}
        await self.ask(
            "PUT", f"subscriptions/{name}", {"topic": f"projects/contract/topics/{topic}", **fields}
        )

    async def publish(self, *messages: dict[str, Any], topic: str = "work") -> list[str]:
        """Publish; gives the ids."""
        ids: list[str] = (await self.ask("POST", f"topics/{topic}:publish", {"messages": messages}))[
            "messageIds"
        ]
        return ids

    async def pull(self, name: str) -> dict[str, Any]:
        """Wait for one message."""
        async with asyncio.timeout(20):
            while True:
                answer = await self.ask("POST", f"subscriptions/{name}:pull", {"maxMessages": 1})
                if answer.get("receivedMessages"):
                    received: dict[str, Any] = answer["receivedMessages"][0]
                    return received


@pytest.fixture(params=["embedded", pytest.param("emulator", marks=pytest.mark.emulator)])
async def pubsub(request: pytest.FixtureRequest) -> AsyncIterator[PubSub]:
    """A fresh Pub/Sub of either kind."""
    if request.param == "embedded":
        async with EmbeddedBroker() as broker, aiohttp.ClientSession(f"http://{broker.address}") as session:
            yield PubSub(session, is_google=False)
    else:
        address = request.getfixturevalue("google_emulator")
        async with aiohttp.ClientSession(f"http://{address}") as session:
            async with session.post("/reset") as answer:
                assert answer.status == 200
            yield PubSub(session, is_google=True)
