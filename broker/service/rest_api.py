"""The REST door: Google's paths over the catalogue, and the emulator's `GET /` and `POST /reset`."""

from __future__ import annotations

import logging
import re
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from rookery.broker.errors import ApiError, InvalidArgumentError, UnimplementedError, forget_frames
from rookery.broker.pulls import pulling
from rookery.broker.resources.admission import MAX_PUBLISH_BYTES
from rookery.broker.service import proto
from rookery.broker.service.browsers import no_browsers
from rookery.broker.service.paging import page
from rookery.broker.service.rest_json import drafts, error, parse, read, written
from rookery.broker.service.seeking import asked_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rookery.broker.delivery.token_signer import TokenSigner
    from rookery.broker.service.catalogue import Catalogue

log: Final = logging.getLogger(__name__)

_MAX_MAX_REQUEST_BYTES: Final = 2 * MAX_PUBLISH_BYTES
"""The largest publish request in base64, doubled so that a slightly larger one gets Google's own refusal."""
_TOPIC: Final = "/v1/{topic:projects/[^/]+/topics/[^/:]+}"
_SUBSCRIPTION: Final = "/v1/{subscription:projects/[^/]+/subscriptions/[^/:]+}"
_PAGE_SIZE: Final = re.compile(r"[0-9]{1,9}")
_PROJECT: Final = "/v1/{project:projects/[^/]+}"
_STATUS: Final = {404: "NOT_FOUND", 405: "UNIMPLEMENTED", 413: "INVALID_ARGUMENT"}


class RestApi:
    """Answer HTTP/1.1."""

    def __init__(self, catalogue: Catalogue, signer: TokenSigner) -> None:
        self._catalogue = catalogue
        self._signer = signer

    def app(self, listening: str) -> web.Application:
        """Build the application with all its routes, for a server that listens on an address."""
        doors = [_refusals, no_browsers(listening)]
        app = web.Application(middlewares=doors, client_max_size=_MAX_MAX_REQUEST_BYTES)
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
            web.get(f"{_TOPIC}/snapshots", self._topic_snapshots),
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
            web.post(f"{_SUBSCRIPTION}:seek", self._seek),
            web.post(f"{_SUBSCRIPTION}:detach", self._detach_subscription),
            web.get(f"{_PROJECT}/subscriptions", self._list_subscriptions),
            web.get(f"{_PROJECT}/snapshots", self._empty_list),
            web.get(f"{_PROJECT}/schemas", self._empty_list),
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
        ids = await self._catalogue.publish(request.match_info["topic"], drafts(await _body(request)))
        return web.json_response({"messageIds": ids})

    async def _create_topic(self, request: web.Request) -> web.Response:
        topic = parse(await _named(request, "topic"), proto.Topic())
        return web.json_response(written(await self._catalogue.create_topic(topic)))

    async def _get_topic(self, request: web.Request) -> web.Response:
        return web.json_response(written(self._catalogue.topic(request.match_info["topic"])))

    async def _update_topic(self, request: web.Request) -> web.Response:
        asked = parse(await _body(request), proto.UpdateTopicRequest())
        asked.topic.name = request.match_info["topic"]
        return web.json_response(written(await self._catalogue.update_topic(asked.topic, asked.update_mask)))

    async def _delete_topic(self, request: web.Request) -> web.Response:
        await self._catalogue.delete_topic(request.match_info["topic"])
        return web.json_response({})

    async def _topic_subscriptions(self, request: web.Request) -> web.Response:
        return _listed(
            request, "subscriptions", self._catalogue.topic_subscriptions(request.match_info["topic"])
        )

    async def _topic_snapshots(self, request: web.Request) -> web.Response:
        self._catalogue.topic(request.match_info["topic"])
        return web.json_response({})

    async def _list_topics(self, request: web.Request) -> web.Response:
        return _listed(request, "topics", self._catalogue.topics(request.match_info["project"]))

    async def _create_subscription(self, request: web.Request) -> web.Response:
        subscription = parse(await _named(request, "subscription"), proto.Subscription())
        return web.json_response(written(await self._catalogue.create_subscription(subscription)))

    async def _get_subscription(self, request: web.Request) -> web.Response:
        return web.json_response(written(self._catalogue.subscription(request.match_info["subscription"])))

    async def _update_subscription(self, request: web.Request) -> web.Response:
        asked = parse(await _body(request), proto.UpdateSubscriptionRequest())
        asked.subscription.name = request.match_info["subscription"]
        changed = await self._catalogue.update_subscription(asked.subscription, asked.update_mask)
        return web.json_response(written(changed))

    async def _delete_subscription(self, request: web.Request) -> web.Response:
        await self._catalogue.delete_subscription(request.match_info["subscription"])
        return web.json_response({})

    async def _seek(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.SeekRequest())
        await self._catalogue.seek(asked.subscription, asked_time(asked))
        return web.json_response({})

    async def _detach_subscription(self, request: web.Request) -> web.Response:
        await self._catalogue.detach_subscription(request.match_info["subscription"])
        return web.json_response({})

    async def _empty_list(self, _request: web.Request) -> web.Response:
        """There are no snapshots and schemas; clients list them before they delete what is left of a test."""
        return web.json_response({})

    async def _list_subscriptions(self, request: web.Request) -> web.Response:
        return _listed(request, "subscriptions", self._catalogue.subscriptions(request.match_info["project"]))

    async def _pull(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.PullRequest())
        return web.json_response(written(await pulling.pull(self._catalogue, asked)))

    async def _acknowledge(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.AcknowledgeRequest())
        await pulling.acknowledge(self._catalogue, asked)
        return web.json_response({})

    async def _modify_ack_deadline(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.ModifyAckDeadlineRequest())
        pulling.modify_ack_deadline(self._catalogue, asked)
        return web.json_response({})

    async def _modify_push_config(self, request: web.Request) -> web.Response:
        asked = await _subscription_request(request, proto.ModifyPushConfigRequest())
        await self._catalogue.modify_push_config(asked.subscription, asked.push_config)
        return web.json_response({})


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every refusal into Google's JSON."""
    try:
        return await handler(request)
    except ApiError as refusal:
        forget_frames(refusal)
        return _error(refusal.http, refusal.status.name, str(refusal), refusal.failures)
    except web.HTTPException as reply:
        return _error(reply.status, _STATUS.get(reply.status, "UNKNOWN"), reply.reason)
    except web.RequestPayloadError:
        # Nothing more of this body can be read; aiohttp would try to, and log a traceback.
        request.content.feed_eof()
        answer = _error(
            400, InvalidArgumentError.status.name, "The body is not what its headers say that it is."
        )
        answer.force_close()
        return answer
    except Exception:  # a defect of one request is answered, and no more
        log.exception("%s %a failed", request.method, request.path)
        return _error(500, "INTERNAL", "The broker failed at this request; its log says how.")


def _error(
    code: int, status: str, message: str, failures: Mapping[str, str] = MappingProxyType({})
) -> web.Response:
    return web.json_response(error(code, status, message, failures), status=code)


async def _not_offered(request: web.Request) -> web.Response:
    raise UnimplementedError(f"This broker does not offer {request.method} {request.path}.")


async def _body(request: web.Request) -> dict[str, Any]:
    return read(await request.read())


async def _named(request: web.Request, kind: str) -> dict[str, Any]:
    return {**await _body(request), "name": request.match_info[kind]}


async def _subscription_request(request: web.Request, message: proto.Proto) -> proto.Proto:
    asked = parse(await _body(request), message)
    asked.subscription = request.match_info["subscription"]
    return asked


def _listed(request: web.Request, field: str, items: list[Any]) -> web.Response:
    size = request.query.get("pageSize", "0")
    if not _PAGE_SIZE.fullmatch(size):
        raise InvalidArgumentError(f"pageSize is {size!r}, needed is a number.")
    found = page(items, int(size), request.query.get("pageToken", ""))
    token = {"nextPageToken": found.next_token} if found.next_token else {}
    shown = [item if isinstance(item, str) else written(item) for item in found.items]
    return web.json_response({field: shown, **token} if shown else token)
