"""The protocol buffers of google.pubsub.v1, plain.

google-cloud-pubsub has them as well, but its import takes longer than the rest of the broker, and its proto-plus wrappers
cost several times as much for each message. `pubsub.binpb` holds its two files' descriptors; a test compares them.
They have a pool of their own, because those of the library are in the common one wherever both are loaded.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.duration_pb2 import DESCRIPTOR as DURATION
from google.protobuf.field_mask_pb2 import DESCRIPTOR as FIELD_MASK
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import DESCRIPTOR as STRUCT
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP

Proto: TypeAlias = Any
"""One protocol buffer message, whose fields have no static types."""

DESCRIPTORS: Final = "pubsub.binpb"


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for known in (DURATION, FIELD_MASK, STRUCT, TIMESTAMP):
        pool.AddSerializedFile(known.serialized_pb)
    for each in FileDescriptorSet.FromString(files(__package__).joinpath(DESCRIPTORS).read_bytes()).file:
        pool.AddSerializedFile(each.SerializeToString())
    return pool


_POOL: Final = _pool()


def _message(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"google.pubsub.v1.{name}"))


AcknowledgeRequest = _message("AcknowledgeRequest")
DeleteSubscriptionRequest = _message("DeleteSubscriptionRequest")
DeleteTopicRequest = _message("DeleteTopicRequest")
DetachSubscriptionRequest = _message("DetachSubscriptionRequest")
DetachSubscriptionResponse = _message("DetachSubscriptionResponse")
GetSubscriptionRequest = _message("GetSubscriptionRequest")
GetTopicRequest = _message("GetTopicRequest")
ListSchemasRequest = _message("ListSchemasRequest")
ListSchemasResponse = _message("ListSchemasResponse")
ListSnapshotsRequest = _message("ListSnapshotsRequest")
ListSnapshotsResponse = _message("ListSnapshotsResponse")
ListSubscriptionsRequest = _message("ListSubscriptionsRequest")
ListSubscriptionsResponse = _message("ListSubscriptionsResponse")
ListTopicSnapshotsRequest = _message("ListTopicSnapshotsRequest")
ListTopicSnapshotsResponse = _message("ListTopicSnapshotsResponse")
ListTopicSubscriptionsRequest = _message("ListTopicSubscriptionsRequest")
ListTopicSubscriptionsResponse = _message("ListTopicSubscriptionsResponse")
ListTopicsRequest = _message("ListTopicsRequest")
ListTopicsResponse = _message("ListTopicsResponse")
ModifyAckDeadlineRequest = _message("ModifyAckDeadlineRequest")
ModifyPushConfigRequest = _message("ModifyPushConfigRequest")
PublishRequest = _message("PublishRequest")
PublishResponse = _message("PublishResponse")
PubsubMessage = _message("PubsubMessage")
PullRequest = _message("PullRequest")
PullResponse = _message("PullResponse")
ReceivedMessage = _message("ReceivedMessage")
SeekRequest = _message("SeekRequest")
SeekResponse = _message("SeekResponse")
StreamingPullRequest = _message("StreamingPullRequest")
StreamingPullResponse = _message("StreamingPullResponse")
Subscription = _message("Subscription")
Topic = _message("Topic")
UpdateSubscriptionRequest = _message("UpdateSubscriptionRequest")
UpdateTopicRequest = _message("UpdateTopicRequest")
