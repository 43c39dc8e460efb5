"""The REST door, as a device or curl uses it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from rookery.broker.server import EmbeddedBroker

TOPIC = "/v1/projects/p/topics/work"
SUBSCRIPTION = "/v1/projects/p/subscriptions/work"


async def ask(rest: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with rest.request(method, path, json=body) as answer:
        return answer.status, await answer.json(content_type=None)


async def make(rest: aiohttp.ClientSession, **fields: Any) -> None:
    assert (await ask(rest, "PUT", TOPIC))[0] == 200
    assert (await ask(rest, "PUT", SUBSCRIPTION, {"topic": "projects/p/topics/work", **fields}))[0] == 200


async def test_root_answers_ok(rest: aiohttp.ClientSession) -> None:
    """`GET /` answers Ok, as clients that wait for Google's emulator expect."""
    async with rest.get("/") as answer:
        assert (await answer.text()).strip() == "Ok"


async def test_publish_pull_ack(rest: aiohttp.ClientSession) -> None:
    """A message goes in, comes out as it was, and is gone after its ack."""
    await make(rest)
    message = {"data": "YmlyZA==", "attributes": {"a": "b"}, "orderingKey": "k"}
    status, published = await ask(rest, "POST", f"{TOPIC}:publish", {"messages": [message]})
    assert status == 200
    _, pulled = await ask(rest, "POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 5})
    (received,) = pulled["receivedMessages"]
    assert received["message"] == {
        **message,
        "messageId": published["messageIds"][0],
        "publishTime": received["message"]["publishTime"],
    }
    assert await ask(rest, "POST", f"{SUBSCRIPTION}:acknowledge", {"ackIds": [received["ackId"]]}) == (
        200,
        {},
    )
    immediately = {"maxMessages": 5, "returnImmediately": True}
    assert await ask(rest, "POST", f"{SUBSCRIPTION}:pull", immediately) == (200, {})


async def test_modify_ack_deadline_gives_back(rest: aiohttp.ClientSession) -> None:
    """A deadline of 0 gives a pulled message back at once."""
    await make(rest)
    await ask(rest, "POST", f"{TOPIC}:publish", {"messages": [{"data": "YQ"}]})
    _, first = await ask(rest, "POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 1})
    nack = {"ackIds": [first["receivedMessages"][0]["ackId"]], "ackDeadlineSeconds": 0}
    assert (await ask(rest, "POST", f"{SUBSCRIPTION}:modifyAckDeadline", nack))[0] == 200
    _, second = await ask(rest, "POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 1})
    assert second["receivedMessages"][0]["message"] == first["receivedMessages"][0]["message"]


async def test_pull_waits_for_a_message(rest: aiohttp.ClientSession) -> None:
    """A pull that finds nothing waits, and is answered as soon as something is published."""
    await make(rest)
    pull = asyncio.create_task(ask(rest, "POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 1}))
    await ask(rest, "GET", SUBSCRIPTION)
    assert not pull.done()
    await ask(rest, "POST", f"{TOPIC}:publish", {"messages": [{"data": "YQ=="}]})
    _, answer = await pull
    assert len(answer["receivedMessages"]) == 1


async def test_a_puller_that_disconnects_loses_no_message(
    rest: aiohttp.ClientSession, broker: EmbeddedBroker
) -> None:
    """Of three waiting pulls each may leave; the message goes to one who stayed, as its first attempt."""
    await make(rest)
    dispatcher = broker.catalogue.dispatcher("projects/p/subscriptions/work")
    for leaver in range(3):
        pulls = [
            asyncio.create_task(ask(rest, "POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 1}))
            for _ in range(3)
        ]
        while len(dispatcher._pulls) < 3:  # noqa: ASYNC110  no event says that a request has come
            await asyncio.sleep(0)
        pulls.pop(leaver).cancel()
        while len(dispatcher._pulls) > 2:  # noqa: ASYNC110  no event says that a client has left
            await asyncio.sleep(0.001)  # the same
        await ask(rest, "POST", f"{TOPIC}:publish", {"messages": [{"data": "YQ=="}, {"data": "Yg=="}]})
        answers = [(await pull)[1]["receivedMessages"] for pull in pulls]
        assert [len(answer) for answer in answers] == [1, 1]


async def test_resources(rest: aiohttp.ClientSession) -> None:
    """Topics and subscriptions are listed, changed and deleted by their paths."""
    await make(rest, labels={"a": "b"})
    assert (await ask(rest, "GET", TOPIC))[1]["name"] == "projects/p/topics/work"
    assert (await ask(rest, "GET", SUBSCRIPTION))[1]["labels"] == {"a": "b"}
    _, listed = await ask(rest, "GET", "/v1/projects/p/subscriptions?pageSize=1")
    assert [each["name"] for each in listed["subscriptions"]] == ["projects/p/subscriptions/work"]
    assert (await ask(rest, "GET", f"{TOPIC}/subscriptions"))[1] == {
        "subscriptions": ["projects/p/subscriptions/work"]
    }
    patch = {"subscription": {"ackDeadlineSeconds": 30}, "updateMask": "ackDeadlineSeconds"}
    assert (await ask(rest, "PATCH", SUBSCRIPTION, patch))[1]["ackDeadlineSeconds"] == 30
    assert await ask(rest, "DELETE", SUBSCRIPTION) == (200, {})
    assert await ask(rest, "DELETE", TOPIC) == (200, {})
    assert await ask(rest, "GET", "/v1/projects/p/topics") == (200, {})


async def test_a_topics_settings_are_kept_and_changed(rest: aiohttp.ClientSession) -> None:
    """Labels and the storage policy of a topic are shown as they were given; a policy without a region is refused."""
    regions = {"allowedPersistenceRegions": ["europe-west1"]}
    fields = {"labels": {"a": "b"}, "messageStoragePolicy": regions}
    assert (await ask(rest, "PUT", TOPIC, fields))[1] == {
        "name": "projects/p/topics/work",
        "state": "ACTIVE",
        **fields,
    }
    other = {"allowedPersistenceRegions": ["europe-west1", "us-east1"], "enforceInTransit": True}
    patch = {"topic": {"messageStoragePolicy": other}, "updateMask": "messageStoragePolicy"}
    assert (await ask(rest, "PATCH", TOPIC, patch))[1]["messageStoragePolicy"] == other
    assert (await ask(rest, "GET", TOPIC))[1]["labels"] == {"a": "b"}
    status, _ = await ask(rest, "PUT", "/v1/projects/p/topics/other", {"messageStoragePolicy": {}})
    assert status == 400


async def test_snapshots_and_schemas_are_empty_lists(rest: aiohttp.ClientSession) -> None:
    """The lists of what this broker does not offer are empty pages; those of a topic that is not there are 404."""
    await make(rest)
    for path in ("/v1/projects/p/snapshots", "/v1/projects/p/schemas", f"{TOPIC}/snapshots"):
        assert await ask(rest, "GET", path) == (200, {})
    assert (await ask(rest, "GET", "/v1/projects/p/topics/none/snapshots"))[0] == 404


async def test_reset_forgets_everything(rest: aiohttp.ClientSession) -> None:
    """`POST /reset` wipes topics and subscriptions, as with the emulator."""
    await make(rest)
    assert (await ask(rest, "POST", "/reset"))[0] == 200
    assert (await ask(rest, "GET", TOPIC))[0] == 404
    assert (await ask(rest, "GET", "/stats"))[1] == {"subscriptions": {}}


@pytest.mark.parametrize(
    ("asked", "body", "code", "status"),
    [
        ("GET /v1/projects/p/topics/none", None, 404, "NOT_FOUND"),
        ("PUT /v1/projects/p/topics/ab", {}, 400, "INVALID_ARGUMENT"),
        ("PUT /v1/projects/p/topics/google-topic", {}, 400, "INVALID_ARGUMENT"),
        (f"PUT {TOPIC}", {}, 409, "ALREADY_EXISTS"),
        ("PUT /v1/projects/p/topics/other", {"kmsKeyName": "k"}, 501, "UNIMPLEMENTED"),
        ("PUT /v1/projects/p/topics/other", {"nonsense": 1}, 400, "INVALID_ARGUMENT"),
        (f"POST {TOPIC}:publish", {"messages": []}, 400, "INVALID_ARGUMENT"),
        (f"POST {TOPIC}:publish", {"messages": [{}]}, 400, "INVALID_ARGUMENT"),
        (f"POST {TOPIC}:publish", {"messages": [{"data": "%%%"}]}, 400, "INVALID_ARGUMENT"),
        (f"POST {TOPIC}:publish", {"messages": [{"daten": "YQ=="}]}, 400, "INVALID_ARGUMENT"),
        (f"POST {TOPIC}:publish", {"messages": [{"attributes": {"googx": "1"}}]}, 400, "INVALID_ARGUMENT"),
        (f"POST {TOPIC}:publish", [1], 400, "INVALID_ARGUMENT"),
        (f"POST {SUBSCRIPTION}:pull", {"maxMessages": 0}, 400, "INVALID_ARGUMENT"),
        (f"POST {SUBSCRIPTION}:seek", {}, 400, "INVALID_ARGUMENT"),
        ("PUT /v1/projects/p/snapshots/work", {}, 501, "UNIMPLEMENTED"),
        ("GET /v1/projects/p/schemas/work", None, 501, "UNIMPLEMENTED"),
        (f"GET {TOPIC}:getIamPolicy", None, 501, "UNIMPLEMENTED"),
        ("GET /nothing/here", None, 404, "NOT_FOUND"),
    ],
)
async def test_errors_in_googles_shape(
    rest: aiohttp.ClientSession, asked: str, body: Any, code: int, status: str
) -> None:
    """A refusal is JSON with code, status and a sentence."""
    await make(rest)
    answered, error = await ask(rest, *asked.split(" "), body)
    assert answered == error["error"]["code"] == code
    assert error["error"]["status"] == status
    assert error["error"]["message"]


async def test_every_reason_is_reported(rest: aiohttp.ClientSession) -> None:
    """A publish request with two faults is answered with both."""
    await make(rest)
    attributes = {"googx": "1", "long": "x" * 1_025}
    _, error = await ask(rest, "POST", f"{TOPIC}:publish", {"messages": [{"attributes": attributes}]})
    assert "googx" in error["error"]["message"]
    assert "long" in error["error"]["message"]


FOREIGN: list[dict[str, str]] = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:8085"},
    {"Host": "broker:8085"},
    {"Host": "192.168.1.7"},
    {"Host": "[::1"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_page_in_a_browser_can_do_nothing_here(
    rest: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    """Neither from another origin, nor by a name that its owner points at this machine: not one call is answered."""
    await make(rest)
    body = '{"messages": [{"data": "YQ"}]}'
    for method, path in (("POST", f"{TOPIC}:publish"), ("POST", "/reset"), ("GET", "/stats"), ("GET", "/")):
        async with rest.request(method, path, data=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["error"]["status"]) == (403, "PERMISSION_DENIED")
    immediately = {"maxMessages": 5, "returnImmediately": True}
    assert await ask(rest, "POST", f"{SUBSCRIPTION}:pull", immediately) == (200, {})


@pytest.mark.parametrize("host", ["localhost:8085", "127.0.0.1", "[::1]:8085", "LOCALHOST"])
async def test_loopbacks_names_are_served(rest: aiohttp.ClientSession, host: str) -> None:
    """And a page of the broker's own, should there ever be one."""
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    async with rest.get("/", headers=headers) as answer:
        assert answer.status == 200


async def test_a_broker_for_other_machines_is_asked_by_any_name() -> None:
    """In a network of containers it has a name there; pages of other origins are refused all the same."""
    async with EmbeddedBroker("0.0.0.0") as broker:  # noqa: S104  as in a container
        address = f"http://127.0.0.1:{broker.address.rpartition(':')[2]}"
        async with aiohttp.ClientSession(address) as rest:
            for headers, status in (({}, 200), ({"Origin": "https://evil.example"}, 403)):
                async with rest.get("/", headers={"Host": "broker:8085", **headers}) as answer:
                    assert answer.status == status
