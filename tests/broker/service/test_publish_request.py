"""Messages of a PublishRequest as drafts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rookery.broker.scheduling.messages import MessageDraft
from rookery.broker.service import proto, publish_request

SIZES = st.sampled_from([0, 1, 126, 127, 128, 129, 16_380, 16_383, 16_384, 16_390])
MESSAGES = st.lists(
    st.tuples(
        SIZES,
        st.one_of(st.just({}), st.dictionaries(st.text(max_size=2), st.text(max_size=2))),
        st.text(max_size=2),
    ),
    max_size=4,
)


@given(
    messages=st.one_of(MESSAGES, st.lists(st.tuples(SIZES, st.just({}), st.just("")), max_size=4)),
    unknown=st.booleans(),
)
def test_drafts_are_the_messages_of_the_request(
    messages: list[tuple[int, dict[str, str], str]], *, unknown: bool
) -> None:
    """Data, attributes and ordering keys are read whole, whether a message has data alone or fields that are unknown."""
    written = [
        proto.PubsubMessage(data=b"x" * size, attributes=attributes, ordering_key=key)
        for size, attributes, key in messages
    ]
    raw = proto.PublishRequest(topic="projects/p/topics/t", messages=written).SerializeToString()
    # Field 15 is none of this request's.
    request = proto.PublishRequest.FromString(raw + b"\x78\x01" * unknown)
    assert publish_request.drafts(request) == [
        MessageDraft(b"x" * size, attributes or None, key) for size, attributes, key in messages
    ]
    plain = not unknown and not any(attributes or key for _, attributes, key in messages)
    assert publish_request.has_data_alone(request, [b"x" * size for size, _, _ in messages]) is plain
