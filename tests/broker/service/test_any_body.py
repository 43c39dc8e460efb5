"""Any request to the broker gets an answer of Pub/Sub, and the broker serves on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.broker.server import EmbeddedBroker

NAMES = st.sampled_from(
    ["messages", "data", "attributes", "topic", "ackIds", "maxMessages", "pushConfig", "wings"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.just("projects/p/topics/ttt"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
BODIES = st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode(errors="replace"))
CALLS = st.sampled_from(
    [
        ("PUT", "topics/ttt"),
        ("PATCH", "topics/ttt"),
        ("POST", "topics/ttt:publish"),
        ("PUT", "subscriptions/sss"),
        ("PATCH", "subscriptions/sss"),
        ("POST", "subscriptions/sss:acknowledge"),
        ("POST", "subscriptions/sss:modifyAckDeadline"),
        ("POST", "subscriptions/sss:modifyPushConfig"),
        ("GET", "subscriptions/sss"),
        ("DELETE", "subscriptions/sss"),
    ]
)


@given(st.lists(st.tuples(CALLS, BODIES), min_size=10, max_size=30))
@settings(max_examples=12)
def test_any_body_to_any_call_is_answered_without_a_defect(
    calls: list[tuple[tuple[str, str], bytes]],
) -> None:
    """Every answer is below 500 or says that something is not offered, and afterwards the broker still publishes."""

    async def said() -> list[tuple[str, str, int]]:
        answers = []
        async with (
            EmbeddedBroker() as broker,
            aiohttp.ClientSession(f"http://{broker.address}/v1/projects/p/") as client,
        ):
            for (method, path), body in calls:
                async with client.request(method, path, data=body) as answer:
                    answers.append((method, path, answer.status))
            async with client.put("topics/alive", json={}):
                pass
            message: dict[str, Any] = {"messages": [{"data": "e30="}]}
            async with client.post("topics/alive:publish", json=message) as answer:
                answers.append(("POST", "alive", answer.status))
        return answers

    answers = asyncio.run(said())
    assert [each for each in answers if each[2] >= 500 and each[2] != 501] == []
    assert answers[-1][2] == 200
