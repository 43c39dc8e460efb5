"""A client of the REST API for tests that stop and start brokers."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOPIC: Final = "projects/p/topics/work"
SUBSCRIPTION: Final = "projects/p/subscriptions/work"


class RestClient:
    """One broker's REST API, each method a call of its own."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Give the status and the answer."""
        async with self._session.request(method, f"/v1/{path}", json=body or {}) as answer:
            return answer.status, await answer.json()

    async def create(self, *, topic: str = TOPIC, subscription: str = SUBSCRIPTION, **fields: object) -> None:
        """Create a topic and a subscription to it, where they are not there."""
        await self.call("PUT", topic)
        status, answer = await self.call("PUT", subscription, {"topic": topic, **fields})
        assert status in {200, 409}, answer

    async def publish(self, *texts: str, key: str = "", topic: str = TOPIC) -> tuple[int, list[str]]:
        """Publish in one request; gives the status and the message ids."""
        messages = [{"data": base64.b64encode(each.encode()).decode(), "orderingKey": key} for each in texts]
        status, answer = await self.call("POST", f"{topic}:publish", {"messages": messages})
        return status, answer.get("messageIds", [])

    async def pull(self, subscription: str = SUBSCRIPTION, most: int = 1_000) -> list[dict[str, Any]]:
        """Give the deliveries that may be had at once."""
        body = {"maxMessages": most, "returnImmediately": True}
        status, answer = await self.call("POST", f"{subscription}:pull", body)
        assert status == 200, answer
        received: list[dict[str, Any]] = answer.get("receivedMessages", [])
        return received

    async def ack(self, deliveries: list[dict[str, Any]], subscription: str = SUBSCRIPTION) -> None:
        """Acknowledge deliveries."""
        ids = [each["ackId"] for each in deliveries]
        assert (await self.call("POST", f"{subscription}:acknowledge", {"ackIds": ids}))[0] == 200

    async def drain(self, subscription: str = SUBSCRIPTION) -> list[dict[str, Any]]:
        """Pull and acknowledge until nothing is left; gives the messages."""
        found = []
        while deliveries := await self.pull(subscription):
            found += [each["message"] for each in deliveries]
            await self.ack(deliveries, subscription)
        return found


def text(message: dict[str, Any]) -> str:
    """A message's data."""
    return base64.b64decode(message.get("data", "")).decode()


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[RestClient]:
    """A client of the broker at an address."""
    async with aiohttp.ClientSession(f"http://{address}") as session:
        yield RestClient(session)
