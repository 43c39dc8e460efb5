"""The REST door: Google's paths over the catalogue, and the emulator's `GET /` and `POST /reset`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from broker import proto, pulling
from broker.admission import MAX_PUBLISH_BYTES
from broker.browsers import no_browsers
from broker.errors import Invalid, NotOffered, Refused
from broker.paging import page
from broker.rest_json import drafts, error, parse, written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from broker.catalogue import Catalogue
    from broker.signer import TokenSigner

_MAX_BODY_BYTES: Final = 2 * MAX_PUBLISH_BYTES
"""The largest publish request in base64, and room to refuse a larger one in Google's words."""
_TOPIC: Final = "/v1/{topic:projects/[^/]+/topics/[^/:]+}"
_SUBSCRIPTION: Final = "/v1/{subscription:projects/[^/]+/subscriptions/[^/:]+}"
_PROJECT: Final = "/v1/{project:projects/[^/]+}"
_STATUS: Final = {404: "NOT_FOUND", 405: "UNIMPLEMENTED", 413: "INVALID_ARGUMENT"}


class RestApi:
    """Answer HTTP/1.1."""

    def __init__(self, catalogue: Catalogue, signer: TokenSigner) -> None:
        self._catalogue = catalogue
        self._signer = signer

    def app(self, listening: str) -> web.Application:
        """Build the application with all its routes, for a server that listens on an address."""
        doors = [no_browsers(listening), _refusals]
        app = web.Application(middlewares=doors, client_max_size=_MAX_BODY_BYTES)
        app.add_routes([*self._house(), *self._topics(), *self._subscriptions()])
        app.router.add_route("*", "/v1/{rest:.*}", _not_offered)
        return app

    def _house(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._alive),
            web.post("/reset", self._reset),
            web.get("/stats", self._stats),
            web.get("/oauth2/v3/certs", self._jwks),
            web.get("/oauth2/v1/certs", self._certificates),
        ]

    def _topics(self) -> list[web.RouteDef]:
        return [
            web.post(f"{_TOPIC}:publish", self._publish),
            web.put(_TOPIC, self._create_topic),
            web.get(_TOPIC, self._get_topic),
            web.patch(_TOPIC, self._update_topic),
            web.delete(_TOPIC, self._delete_topic),
            web.get(f"{_TOPIC}/subscriptions", self._topic_subscriptions),
            web.get(f"{_PROJECT}/topics", self._list_topics),
        ]

    def _subscriptions(self) -> list[web.RouteDef]:
        return [
            web.post(f"{_SUBSCRIPTION}:pull", self._pull),
            web.post(f"{_SUBSCRIPTION}:acknowledge", self._acknowledge),
            web.post(f"{_SUBSCRIPTION}:modifyAckDeadline", self._modify_ack_deadline),
            web.post(f"{_SUBSCRIPTION}:modifyPushConfig", self._modify_push_config),
            web.put(_SUBSCRIPTION, self._create_subscription),
            web.get(_SUBSCRIPTION, self._get_subscription),
            web.patch(_SUBSCRIPTION, self._update_subscription),
            web.delete(_SUBSCRIPTION, self._delete_subscription),
            web.get(f"{_PROJECT}/subscriptions", self._list_subscriptions),
        ]

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ok\n")

    async def _reset(self, _request: web.Request) -> web.Response:
        await self._catalogue.reset()
        return web.json_response({})

    async def _stats(self, _request: web.Request) -> web.Response:
        standings = self._catalogue.standings()
        return web.json_response({"subscriptions": {name: asdict(each) for name, each in standings.items()}})

    async def _jwks(self, _request: web.Request) -> web.Response:
        return web.json_response(self._signer.jwks(), headers={"Cache-Control": "public, max-age=3600"})

    async def _certificates(self, _request: web.Request) -> web.Response:
        return web.json_response(
            self._signer.certificates(), headers={"Cache-Control": "public, max-age=3600"}
        )

    async def _publish(self, request: web.Request) -> web.Response:
        ids = self._catalogue.publish(request.match_info["topic"], drafts(await _body(request)))
        return web.json_response({"messageIds": ids})

    async def _create_topic(self, request: web.Request) -> web.Response:
        topic = parse(await _named(request, "topic"), proto.Topic())
        return web.json_response(written(self._catalogue.create_topic(topic)))

    async def _get_topic(self, request: web.Request) -> web.Response:
        return web.json_response(written(self._catalogue.topic(request.match_info["topic"])))

    async def _update_topic(self, request: web.Request) -> web.Response:
        asked = parse(await _body(request), proto.UpdateTopicRequest())
        asked.topic.name = request.match_info["topic"]
        return web.json_response(written(self._catalogue.update_topic(asked.topic, asked.update_mask)))

    async def _delete_topic(self, request: web.Request) -> web.Response:
        self._catalogue.delete_topic(request.match_info["topic"])
        return web.json_response({})

    async def _topic_subscriptions(self, request: web.Request) -> web.Response:
        return _listed(
            request, "subscriptions", self._catalogue.topic_subscriptions(request.match_info["topic"])
        )

    async def _list_topics(self, request: web.Request) -> web.Response:
        topics = self._catalogue.topics(request.match_info["project"])
        return _listed(request, "topics", [written(topic) for topic in topics])

    async def _create_subscription(self, request: web.Request) -> web.Response:
        subscription = parse(await _named(request, "subscription"), proto.Subscription())
        return web.json_response(written(self._catalogue.create_subscription(subscription)))

    async def _get_subscription(self, request: web.Request) -> web.Response:
        return web.json_response(written(self._catalogue.subscription(request.match_info["subscription"])))

    async def _update_subscription(self, request: web.Request) -> web.Response:
        asked = parse(await _body(request), proto.UpdateSubscriptionRequest())
        asked.subscription.name = request.match_info["subscription"]
        changed = self._catalogue.update_subscription(asked.subscription, asked.update_mask)
        return web.json_response(written(changed))

    async def _delete_subscription(self, request: web.Request) -> web.Response:
        await self._catalogue.delete_subscription(request.match_info["subscription"])
        return web.json_response({})

    async def _list_subscriptions(self, request: web.Request) -> web.Response:
        subscriptions = self._catalogue.subscriptions(request.match_info["project"])
        return _listed(request, "subscriptions", [written(each) for each in subscriptions])

    async def _pull(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.PullRequest())
        return web.json_response(written(await pulling.pull(self._catalogue, asked)))

    async def _acknowledge(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.AcknowledgeRequest())
        self._catalogue.feed(asked.subscription).acknowledge(asked.ack_ids)
        return web.json_response({})

    async def _modify_ack_deadline(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.ModifyAckDeadlineRequest())
        pulling.modify_ack_deadline(self._catalogue, asked)
        return web.json_response({})

    async def _modify_push_config(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.ModifyPushConfigRequest())
        self._catalogue.modify_push_config(asked.subscription, asked.push_config)
        return web.json_response({})


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every refusal into Google's JSON."""
    try:
        return await handler(request)
    except Refused as refusal:
        return _error(refusal.http, refusal.status.name, str(refusal))
    except web.HTTPException as answer:
        return _error(answer.status, _STATUS.get(answer.status, "UNKNOWN"), answer.reason)


def _error(code: int, status: str, message: str) -> web.Response:
    return web.json_response(error(code, status, message), status=code)


async def _not_offered(request: web.Request) -> web.Response:
    raise NotOffered(f"This broker does not offer {request.method} {request.path}.")


async def _body(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    try:
        body = json.loads(raw or b"{}")
    except ValueError as reason:
        raise Invalid(f"Invalid JSON payload received. {reason}") from None
    if not isinstance(body, dict):
        raise Invalid("Invalid JSON payload received. An object is needed.")
    return body


async def _named(request: web.Request, kind: str) -> dict[str, Any]:
    return {**await _body(request), "name": request.match_info[kind]}


async def _subscription_request(request: web.Request, message: proto.Proto) -> proto.Proto:
    asked = parse(await _body(request), message)
    asked.subscription = request.match_info["subscription"]
    return asked


def _listed(request: web.Request, field: str, items: list[Any]) -> web.Response:
    size = request.query.get("pageSize", "0")
    found = page(items, int(size) if size.isdecimal() else -1, request.query.get("pageToken", ""))
    token = {"nextPageToken": found.next_token} if found.next_token else {}
    return web.json_response({field: found.items, **token} if found.items else token)
