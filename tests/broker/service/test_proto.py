"""The protocol buffers of the broker are those of Google's library."""

from __future__ import annotations

from importlib.resources import files

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.pubsub_v1 import types

from rookery.broker.service import proto


def test_the_descriptors_are_those_of_googles_library() -> None:
    """The broker reads and writes every message as google-cloud-pubsub does."""
    found = FileDescriptorSet.FromString(
        files("rookery.broker.service").joinpath(proto.DESCRIPTORS).read_bytes()
    )
    pubsub = types.PublishRequest.pb().DESCRIPTOR.file
    schema = next(each for each in pubsub.dependencies if "schema" in each.name)
    expected = [FileDescriptorProto.FromString(each.serialized_pb) for each in (schema, pubsub)]
    assert list(found.file) == expected
