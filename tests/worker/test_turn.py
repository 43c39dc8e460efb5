"""A turn: pushes that arrive together are read together, and each is told its own."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

from schemas.codec import encode
from schemas.envelope import Envelope, wrapped
from schemas.testing import Birds
from worker.auth import Denied
from worker.heads import Head
from worker.push import PushHandler

if TYPE_CHECKING:
    import pytest

    from tests.worker.conftest import House

ODD = b'{"odd": true}'


def push(nth: int) -> bytes:
    data = base64.b64encode(encode(Birds(nth).reading())).decode()
    return json.dumps({"message": {"messageId": f"m{nth}", "data": data}, "subscription": "s"}).encode()


class OneToken:
    """Knows one token, and denies every other."""

    def known(self, authorization: str | None) -> bool:
        return authorization == "known"

    async def admit(self, authorization: str | None) -> None:
        if not self.known(authorization):
            raise Denied("token", "another token is needed")


async def told(handler: PushHandler, *pushes: tuple[bytes, str | None]) -> list[int]:
    """Begin pushes in one turn of the loop; gives the status that each is told, once all are."""
    statuses: list[asyncio.Future[int]] = []
    for body, token in pushes:
        status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        statuses.append(status)
        handler.begin(body, Head(len(body), token), lambda code, _="", status=status: status.set_result(code))
    return await asyncio.gather(*statuses)


async def test_every_push_of_a_turn_is_told_its_own(house: House) -> None:
    """Durable is 204, no envelope is 400, whatever came beside it."""
    handler = PushHandler(house.pipeline, house.metrics)
    bodies = [push(1), b"garbage", push(2), push(1)]
    assert await told(handler, *((body, None) for body in bodies)) == [204, 400, 204, 204]
    assert [line["message_id"] for line in house.predictions] == ["m1", "m2"]


async def test_a_push_that_breaks_its_reading_takes_nothing_from_its_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect that one body finds is that one's alone: it is told to come again."""

    def breaks(body: bytes) -> Envelope:
        if body == ODD:
            raise ZeroDivisionError
        return wrapped(body)

    monkeypatch.setattr("worker.push.wrapped", breaks)
    handler = PushHandler(house.pipeline, house.metrics)
    assert await told(handler, (push(1), None), (ODD, None), (push(2), None)) == [204, 503, 204]


async def test_tokens_of_a_turn_are_told_apart(house: House) -> None:
    """Who is not known is asked for; nothing of it is read, and those who are known do not wait."""
    handler = PushHandler(house.pipeline, house.metrics, guard=OneToken())
    found = await told(
        handler, (push(1), "known"), (push(2), "forged"), (b"garbage", None), (push(3), "known")
    )
    assert found == [204, 401, 401, 204]
    assert [line["message_id"] for line in house.predictions] == ["m1", "m3"]
