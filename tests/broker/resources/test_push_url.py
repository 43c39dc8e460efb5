"""Which push endpoints are taken: those that a request can be sent to, and no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.protobuf import field_mask_pb2
from google.pubsub_v1 import types
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rookery.broker.delivery.push import Endpoint, Identity, Pusher
from rookery.broker.resources.push_url import PushUrlError, check_push_url
from rookery.broker.scheduling.messages import Delivery, StoredMessage

if TYPE_CHECKING:
    import aiohttp
    from google.cloud import pubsub_v1

TOPIC = "/v1/projects/p/topics/work"
SUBSCRIPTION = "/v1/projects/p/subscriptions/work"
UNREACHABLE = [
    "http://127.0.0.1:80800/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:abc/",
    "http://127.0.0.1:+80/",
    "http://127.0.0.1:-1/",
    f"http://127.0.0.1:{'9' * 5_000}/",
    f"http://127.0.0.1:{'0' * 5_000}80/",
    "http://${HOST}:${PORT}/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://[worker]/",
    "http://a..b/",
    "http://.a/",
    "http://./",
    f"http://{'a' * 64}/",
    f"http://{'a.' * 127}a/",
    "http://ü..example/",
    f"http://{'ü' * 64}.example/",
    "http://a:b:80/",
    "http://a\\b/",
    "http://a%41/",
    "http://999.1.1.1/",
    "http://1.2.3/",
    "http://127.0.0.1/a b",
    "http://a b/",
    " http://127.0.0.1/",
    "http://127.0.0.1/\t",
    "http://127.0.0.1/\r\nX-Evil: 1",
    "http://127.0.0.1/\x00",
    "http://127.0.0.1/\x7f",
    "http://127.0.0.1/\u2028",
    "http:///push",
    "http://:80/",
    "http:/127.0.0.1/",
    "http:127.0.0.1",
    "//127.0.0.1/",
    "127.0.0.1:8080",
    "worker",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "unix:///socket",
    "http://user@127.0.0.1/",
    "http://user:password@127.0.0.1/",
    "http://127.0.0.1:80@evil.example/",
]


@pytest.mark.parametrize("url", [*UNREACHABLE, "http://127.0.0.1/\ud800", "http://\ud800/"])
async def test_a_push_endpoint_that_cannot_be_posted_to_is_refused_over_rest(
    rest: aiohttp.ClientSession, url: str
) -> None:
    """Making a subscription with it, turning one to it, or updating one is 400 with a sentence, and changes nothing."""

    async def ask(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        async with rest.request(method, path, json=body) as answer:
            return answer.status, await answer.json()

    await ask("PUT", TOPIC, {})
    config, topic = {"pushConfig": {"pushEndpoint": url}}, {"topic": "projects/p/topics/work"}
    status, error = await ask("PUT", SUBSCRIPTION, {**topic, **config})
    assert (status, error["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert len(error["error"]["message"]) < 1_000
    assert (await ask("PUT", SUBSCRIPTION, topic))[0] == 200
    assert (await ask("POST", f"{SUBSCRIPTION}:modifyPushConfig", config))[0] == 400
    assert (await ask("PATCH", SUBSCRIPTION, {"subscription": config, "updateMask": "pushConfig"}))[0] == 400
    deep = {"subscription": config, "updateMask": "pushConfig.pushEndpoint"}
    assert (await ask("PATCH", SUBSCRIPTION, deep))[0] == 400
    async with rest.get(SUBSCRIPTION) as answer:
        assert "pushEndpoint" not in (await answer.json()).get("pushConfig", {})


async def test_a_push_endpoint_that_cannot_be_posted_to_is_refused_over_grpc(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """CreateSubscription, ModifyPushConfig and UpdateSubscription answer INVALID_ARGUMENT, and nothing is changed."""
    name, topic = "projects/p/subscriptions/work", "projects/p/topics/work"

    def story() -> None:
        publisher.create_topic(name=topic)
        for url in UNREACHABLE:
            push = types.PushConfig(push_endpoint=url)
            with pytest.raises(exceptions.InvalidArgument, match="cannot be pushed to"):
                subscriber.create_subscription({"name": name, "topic": topic, "push_config": push})
        subscriber.create_subscription(name=name, topic=topic)
        for url in UNREACHABLE:
            push = types.PushConfig(push_endpoint=url)
            with pytest.raises(exceptions.InvalidArgument, match="cannot be pushed to"):
                subscriber.modify_push_config(subscription=name, push_config=push)
            with pytest.raises(exceptions.InvalidArgument, match="cannot be pushed to"):
                subscriber.update_subscription(
                    subscription={"name": name, "push_config": push},
                    update_mask=field_mask_pb2.FieldMask(paths=["push_config"]),
                )
        assert subscriber.get_subscription(subscription=name).push_config == types.PushConfig()

    await asyncio.to_thread(story)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://127.0.0.1:65535/",
        "http://127.0.0.1:/",
        "http://localhost/push",
        "http://localhost./push",
        "http://[::1]:8080/push",
        "HTTP://LOCALHOST/",
        "http://embedded_broker-1:8080/",
        f"http://{'a' * 63}.example/",
        "http://münchen.example/",
        "https://worker-abc123-ew.a.run.app/push?token=a%20b&c=d#part",
        "https://example.com?token=x",
        "http://127.0.0.1/möwe",
    ],
)
def test_a_push_endpoint_that_can_be_posted_to_is_taken(url: str) -> None:
    """Names, addresses, ports, queries and other alphabets, as far as a request can be sent to them."""
    check_push_url(url)


class _NoSigner:
    def token(self, identity: Identity) -> str:
        return f"token-of-{identity.email}"


_HOSTS = st.sampled_from(
    ["127.0.0.1", "[::1]", "localhost", "127.0.0.1.", "a..b", "[::1", "${HOST}", "", "é"]
)
_TAILS = st.just("") | st.tuples(
    st.sampled_from("/?#\\@ "),  # nothing that could make another host of it
    st.text(max_size=12) | st.text("/?#%{}|\\^`\"<>'@:[] é", max_size=12),
).map("".join)


@given(
    st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
    _HOSTS,
    st.sampled_from(["", ":", ":1", ":01", ":99999", ":x", ":\uff11"]),
    _TAILS,
)
@example("http", "127.0.0.1", ":1", "/%zz")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_is_taken_is_posted_without_a_defect(
    caplog: pytest.LogCaptureFixture, scheme: str, host: str, port: str, tail: str
) -> None:
    """A push to an endpoint that was taken ends as an ack or a failed push, and logs nothing."""
    url = f"{scheme}://{host}{port}{tail}"
    try:
        check_push_url(url)
    except PushUrlError:
        return

    async def push() -> bool:
        async with Pusher(_NoSigner()) as pusher:
            endpoint = Endpoint(url=url, subscription="s", timeout=5.0, identity=Identity("me", url))
            return await pusher.post(Delivery("1", StoredMessage("1", b"{}", None, "", 0.0), 1), endpoint)

    asyncio.run(push())
    assert caplog.records == []
