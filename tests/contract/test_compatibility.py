"""The compatibility table of docs/broker.md: each cell on the emulator and on Rookery is what the call answers."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    # The fixture's class lives beside it; tests are not a package.
    PubSub = Any
    Probe = Callable[[PubSub], Awaitable[str]]

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "broker.md"
ROW: Final = re.compile(
    r"\| (?P<call>[^|]+) \| (?P<google>[^|]+) \| (?P<emulator>[^|]+) \| (?P<rookery>[^|]+) \|"
)
TOPIC: Final = "projects/contract/topics/work"
LONG_AGO: Final = {"time": "2020-01-01T00:00:00Z"}
DATA: Final = base64.b64encode(b"reading").decode()


def table() -> dict[str, re.Match[str]]:
    """The rows of the section, by their first cell."""
    section = DOCUMENT.read_text().partition("## Compatibility\n")[2].partition("\n## ")[0]
    rows = [row for line in section.splitlines() if (row := ROW.fullmatch(line))]
    return {row["call"]: row for row in rows[1:]}


def verdict(status: int) -> str:
    return "done" if status == 200 else f"refused ({status})"


def asked(method: str, path: str, body: dict[str, Any] | None = None) -> Probe:
    """One call beside a topic and a subscription: it is done, or refused with a status."""

    async def probe(pubsub: PubSub) -> str:
        await pubsub.subscribe("first")
        return verdict(await pubsub.status(method, path, body))

    return probe


def subscription(fields: dict[str, Any]) -> Probe:
    """The creation of a subscription with some fields."""
    return asked("PUT", "subscriptions/second", {"topic": TOPIC, **fields})


def topic(fields: dict[str, Any]) -> Probe:
    """The creation of a topic with some fields."""
    return asked("PUT", "topics/second", fields)


def patch(kind: str, name: str, fields: dict[str, Any]) -> Probe:
    """A change of one field."""
    return asked("PATCH", f"{kind}s/{name}", {kind: fields, "updateMask": ",".join(fields)})


async def received(pubsub: PubSub, name: str) -> int:
    """Count what may be had at once, and acknowledge it."""
    now = {"maxMessages": 10, "returnImmediately": True}
    messages = (await pubsub.ask("POST", f"subscriptions/{name}:pull", now)).get("receivedMessages", [])
    if messages:
        ids = {"ackIds": [each["ackId"] for each in messages]}
        await pubsub.ask("POST", f"subscriptions/{name}:acknowledge", ids)
    return len(messages)


async def filtered(pubsub: PubSub) -> str:
    await pubsub.subscribe("first", filter="attributes:kind")
    await pubsub.publish({"data": DATA})
    return "ignored" if await received(pubsub, "first") else "done"


async def retained_by_the_subscription(pubsub: PubSub) -> str:
    await pubsub.subscribe("first", retainAckedMessages=True)
    await pubsub.publish({"data": DATA})
    assert await received(pubsub, "first")
    await pubsub.ask("POST", "subscriptions/first:seek", LONG_AGO)
    return "done" if await received(pubsub, "first") else "ignored"


async def retained_by_the_topic(pubsub: PubSub) -> str:
    # A topic of its own: the emulator's /reset leaves its messages for a later topic of the name.
    await pubsub.ask("PUT", "topics/retaining", {"messageRetentionDuration": "600s"})
    await pubsub.publish({"data": DATA}, topic="retaining")
    await pubsub.subscribe("first", topic="retaining")
    await pubsub.ask("POST", "subscriptions/first:seek", LONG_AGO)
    return "done" if await received(pubsub, "first") else "ignored"


async def acknowledged_again(pubsub: PubSub, **fields: Any) -> str:
    await pubsub.subscribe("first", **fields)
    await pubsub.publish({"data": DATA})
    ids = {"ackIds": [(await pubsub.pull("first"))["ackId"]]}
    await pubsub.ask("POST", "subscriptions/first:acknowledge", ids)
    return verdict(await pubsub.status("POST", "subscriptions/first:acknowledge", ids))


async def acknowledged_exactly_once(pubsub: PubSub) -> str:
    return await acknowledged_again(pubsub, enableExactlyOnceDelivery=True)


PUSH: Final = {"pushEndpoint": "http://127.0.0.1:9/"}
SCHEMA: Final = {"type": "AVRO", "definition": '{"type": "record", "name": "A", "fields": []}'}
UDF: Final = {"javascriptUdf": {"functionName": "f", "code": "function f(m, d) { return m; }"}}

PROBES: Final[dict[str, Probe]] = {
    "`filter`": filtered,
    "a `filter` that is none": subscription({"filter": "attributes.k = v"}),
    "changing a `filter`": patch("subscription", "first", {"filter": "attributes:k"}),
    "`retain_acked_messages` and Seek to a time": retained_by_the_subscription,
    "a topic's `message_retention_duration` and Seek to before the subscription": retained_by_the_topic,
    "a topic's `message_retention_duration` below 10 minutes": topic({"messageRetentionDuration": "5s"}),
    "a topic's `message_storage_policy`": topic(
        {"messageStoragePolicy": {"allowedPersistenceRegions": ["europe-west1"]}}
    ),
    "a `message_storage_policy` without a region": topic({"messageStoragePolicy": {}}),
    "changing a topic's `labels`": patch("topic", "work", {"labels": {"a": "b"}}),
    "`expiration_policy.ttl`": subscription({"expirationPolicy": {"ttl": "86400s"}}),
    "`expiration_policy.ttl` below a day": subscription({"expirationPolicy": {"ttl": "5s"}}),
    "changing an `expiration_policy`": patch(
        "subscription", "first", {"expirationPolicy": {"ttl": "90000s"}}
    ),
    "`ack_deadline_seconds` below 10": subscription({"ackDeadlineSeconds": 9}),
    "`enable_exactly_once_delivery`, a second acknowledgement": acknowledged_exactly_once,
    "`enable_exactly_once_delivery` with push": subscription(
        {"enableExactlyOnceDelivery": True, "pushConfig": PUSH}
    ),
    "a second acknowledgement otherwise": acknowledged_again,
    "DetachSubscription": asked("POST", "subscriptions/first:detach", {}),
    "ModifyPushConfig": asked("POST", "subscriptions/first:modifyPushConfig", {"pushConfig": PUSH}),
    "Seek to nothing": asked("POST", "subscriptions/first:seek", {}),
    "CreateSnapshot": asked(
        "PUT", "snapshots/one", {"subscription": "projects/contract/subscriptions/first"}
    ),
    "ListSnapshots": asked("GET", "snapshots"),
    "ListTopicSnapshots": asked("GET", "topics/work/snapshots"),
    "CreateSchema": asked("POST", "schemas?schemaId=one", SCHEMA),
    "ListSchemas": asked("GET", "schemas"),
    "GetIamPolicy": asked("GET", "topics/work:getIamPolicy"),
    "TestIamPermissions": asked(
        "POST", "topics/work:testIamPermissions", {"permissions": ["pubsub.topics.publish"]}
    ),
    "a topic's `kms_key_name`": topic({"kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}),
    "`bigquery_config`": subscription({"bigqueryConfig": {"table": "p.d.t"}}),
    "`cloud_storage_config`": subscription({"cloudStorageConfig": {"bucket": "readings"}}),
    "`message_transforms`": subscription({"messageTransforms": [UDF]}),
    "1,001 messages in one Publish": asked(
        "POST", "topics/work:publish", {"messages": [{"data": DATA}] * 1_001}
    ),
    "an attribute `googx`": asked(
        "POST", "topics/work:publish", {"messages": [{"attributes": {"googx": "1"}}]}
    ),
}


def test_the_table_has_the_rows_of_this_test() -> None:
    """Every row of the table is tried here, and everything that is tried here is a row."""
    assert list(table()) == list(PROBES)


@pytest.mark.parametrize("call", PROBES)
async def test_a_cell_is_what_the_call_answers(pubsub: PubSub, call: str) -> None:
    """The cell of each broker is its answer to the call."""
    answer = await PROBES[call](pubsub)
    column = "emulator" if pubsub.is_google else "rookery"
    assert table()[call][column].partition(":")[0] == answer
