"""The gRPC door: Google's Publisher and Subscriber services over the catalogue."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from rookery.broker.errors import (
    ACK_ID_FAILURE,
    ApiError,
    InvalidArgumentError,
    UnimplementedError,
    forget_frames,
)
from rookery.broker.pulls import pulling
from rookery.broker.service import proto, publish_request
from rookery.broker.service.paging import page
from rookery.broker.service.seeking import asked_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rookery.broker.service.catalogue import Catalogue
    from rookery.broker.service.proto import Proto


log: Final = logging.getLogger(__name__)


class GrpcApi(grpc.GenericRpcHandler):
    """Route every method of Pub/Sub; what is not offered is answered with a sentence that says so."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._routes = {
            f"/google.pubsub.v1.{name}": handler
            for name, handler in (
                *self._publisher(),
                *self._subscriber(),
                *self._deliveries(),
                *self._empty_lists(),
            )
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """Find the handler of a method."""
        return self._routes.get(handler_call_details.method) or _not_offered(handler_call_details.method)

    def _publisher(self) -> list[tuple[str, grpc.RpcMethodHandler[Any, Any]]]:
        catalogue = self._catalogue
        return [
            ("Publisher/Publish", _unary(self._publish, proto.PublishRequest)),
            ("Publisher/CreateTopic", _unary(catalogue.create_topic, proto.Topic)),
            (
                "Publisher/GetTopic",
                _unary(lambda request: catalogue.topic(request.topic), proto.GetTopicRequest),
            ),
            (
                "Publisher/UpdateTopic",
                _unary(
                    lambda request: catalogue.update_topic(request.topic, request.update_mask),
                    proto.UpdateTopicRequest,
                ),
            ),
            (
                "Publisher/DeleteTopic",
                _unary(lambda request: catalogue.delete_topic(request.topic), proto.DeleteTopicRequest),
            ),
            (
                "Publisher/DetachSubscription",
                _unary(self._detach_subscription, proto.DetachSubscriptionRequest),
            ),
            ("Publisher/ListTopics", _unary(self._list_topics, proto.ListTopicsRequest)),
            (
                "Publisher/ListTopicSubscriptions",
                _unary(self._list_topic_subscriptions, proto.ListTopicSubscriptionsRequest),
            ),
        ]

    def _subscriber(self) -> list[tuple[str, grpc.RpcMethodHandler[Any, Any]]]:
        catalogue = self._catalogue
        return [
            ("Subscriber/CreateSubscription", _unary(catalogue.create_subscription, proto.Subscription)),
            (
                "Subscriber/GetSubscription",
                _unary(
                    lambda request: catalogue.subscription(request.subscription), proto.GetSubscriptionRequest
                ),
            ),
            (
                "Subscriber/UpdateSubscription",
                _unary(
                    lambda request: catalogue.update_subscription(request.subscription, request.update_mask),
                    proto.UpdateSubscriptionRequest,
                ),
            ),
            (
                "Subscriber/ListSubscriptions",
                _unary(self._list_subscriptions, proto.ListSubscriptionsRequest),
            ),
            (
                "Subscriber/DeleteSubscription",
                _unary(
                    lambda request: catalogue.delete_subscription(request.subscription),
                    proto.DeleteSubscriptionRequest,
                ),
            ),
            (
                "Subscriber/ModifyPushConfig",
                _unary(
                    lambda request: catalogue.modify_push_config(request.subscription, request.push_config),
                    proto.ModifyPushConfigRequest,
                ),
            ),
        ]

    def _deliveries(self) -> list[tuple[str, grpc.RpcMethodHandler[Any, Any]]]:
        catalogue = self._catalogue
        return [
            ("Subscriber/Pull", _unary(lambda request: pulling.pull(catalogue, request), proto.PullRequest)),
            (
                "Subscriber/Acknowledge",
                _unary(lambda request: pulling.acknowledge(catalogue, request), proto.AcknowledgeRequest),
            ),
            (
                "Subscriber/ModifyAckDeadline",
                _unary(
                    lambda request: pulling.modify_ack_deadline(catalogue, request),
                    proto.ModifyAckDeadlineRequest,
                ),
            ),
            ("Subscriber/Seek", _unary(self._seek, proto.SeekRequest)),
            ("Subscriber/StreamingPull", self._streaming_pull()),
        ]

    def _empty_lists(self) -> list[tuple[str, grpc.RpcMethodHandler[Any, Any]]]:
        """There are no snapshots and schemas; clients list them before they delete what is left of a test."""
        return [
            (
                "Publisher/ListTopicSnapshots",
                _unary(self._list_topic_snapshots, proto.ListTopicSnapshotsRequest),
            ),
            (
                "Subscriber/ListSnapshots",
                _unary(lambda _: proto.ListSnapshotsResponse(), proto.ListSnapshotsRequest),
            ),
            (
                "SchemaService/ListSchemas",
                _unary(lambda _: proto.ListSchemasResponse(), proto.ListSchemasRequest),
            ),
        ]

    async def _seek(self, request: Proto) -> Proto:
        await self._catalogue.seek(request.subscription, asked_time(request))
        return proto.SeekResponse()

    async def _detach_subscription(self, request: Proto) -> Proto:
        await self._catalogue.detach_subscription(request.subscription)
        return proto.DetachSubscriptionResponse()

    def _list_topic_snapshots(self, request: Proto) -> Proto:
        self._catalogue.topic(request.topic)
        return proto.ListTopicSnapshotsResponse()

    async def _publish(self, request: Proto) -> Proto:
        ids = await self._catalogue.publish(request.topic, publish_request.drafts(request))
        return proto.PublishResponse(message_ids=ids)

    def _list_topics(self, request: Proto) -> Proto:
        found = page(self._catalogue.topics(request.project), request.page_size, request.page_token)
        return proto.ListTopicsResponse(topics=found.items, next_page_token=found.next_token)

    def _list_topic_subscriptions(self, request: Proto) -> Proto:
        found = page(
            self._catalogue.topic_subscriptions(request.topic), request.page_size, request.page_token
        )
        return proto.ListTopicSubscriptionsResponse(
            subscriptions=found.items, next_page_token=found.next_token
        )

    def _list_subscriptions(self, request: Proto) -> Proto:
        found = page(self._catalogue.subscriptions(request.project), request.page_size, request.page_token)
        return proto.ListSubscriptionsResponse(subscriptions=found.items, next_page_token=found.next_token)

    def _streaming_pull(self) -> grpc.RpcMethodHandler[Any, Any]:
        async def handle(requests: AsyncIterator[Proto], context: grpc.aio.ServicerContext[Any, Any]) -> None:
            try:
                checked = (_well_formed(request) async for request in requests)
                await pulling.stream(self._catalogue, checked, context.write)
            except Exception as error:  # noqa: BLE001  see _abort
                await _abort(context, error, "StreamingPull")

        return grpc.stream_stream_rpc_method_handler(
            handle,
            request_deserializer=_reader(proto.StreamingPullRequest),
            response_serializer=proto.StreamingPullResponse.SerializeToString,
        )


def _unary(call: Callable[[Proto], Any], request: Any) -> grpc.RpcMethodHandler[Any, Any]:
    async def handle(asked: Proto | None, context: grpc.aio.ServicerContext[Any, Any]) -> Proto:
        try:
            answer = call(_well_formed(asked))
            return (await answer if inspect.isawaitable(answer) else answer) or Empty()
        except Exception as error:  # noqa: BLE001  see _abort
            return await _abort(context, error, request.__name__)

    return grpc.unary_unary_rpc_method_handler(
        handle, request_deserializer=_reader(request), response_serializer=_serialize
    )


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception, call: str) -> NoReturn:
    """Answer what went wrong; a defect is logged and ends this call alone."""
    if isinstance(error, ApiError):
        forget_frames(error)
        await context.abort(error.status, str(error), _details(error))
    log.error("%s failed", call, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "The broker failed at this request; its log says how.")


def _details(error: ApiError) -> tuple[tuple[str, bytes], ...]:
    """Write what an error says of single ack ids as Google's clients read it: a google.rpc.Status in the trailers."""
    if not error.failures:
        return ()
    status = Status(code=error.status.value[0], message=str(error))
    status.details.add().Pack(ErrorInfo(**ACK_ID_FAILURE, metadata=error.failures))
    return (("grpc-status-details-bin", status.SerializeToString()),)


def _reader(request: Any) -> Callable[[bytes], Proto | None]:
    """Give what reads a request: None where it is malformed, for which grpc itself would write a traceback."""

    def read(raw: bytes) -> Proto | None:
        try:
            return request.FromString(raw)
        except DecodeError:
            return None

    return read


def _well_formed(request: Proto | None) -> Proto:
    if request is None:
        raise InvalidArgumentError("The request is not the protocol buffer that this method takes.")
    return request


def _serialize(answer: Proto) -> bytes:
    written: bytes = answer.SerializeToString()
    return written


def _not_offered(method: str) -> grpc.RpcMethodHandler[Any, Any]:
    async def handle(_requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(UnimplementedError.status, f"This broker does not offer {method.lstrip('/')}.")

    # A handler of streams answers unary calls as well: on the wire they are streams of one.
    return grpc.stream_stream_rpc_method_handler(handle)
