"""WholeRequest heads: what a lawful one says, and when its bytes alone are enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.worker.http.whole_request import WholeRequest
from rookery.worker.http.wire.head_cache import CACHE_BYTES, CACHED_HEAD_BYTES, LENGTHS, RequestHeadCache
from rookery.worker.http.wire.refused_request import RefusedRequestError
from rookery.worker.http.wire.request_head import HEADERS, PartialHead, RequestHead, parsed

MAX_REQUEST_BYTES = 1000


def head(length: int | str = 2, *, line: str = "POST / HTTP/1.1", **headers: str) -> bytes:
    fields = {
        "Host": "worker",
        "Content-Length": str(length),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode()


PLAIN = [
    head(),
    head(0),
    head(MAX_REQUEST_BYTES),
    head(Connection="keep-alive", User_Agent="APIs-Google", Content_Type="application/json"),
    head(Accept_Encoding="gzip, deflate, br", From="noreply@google.com"),
    head(Authorization="Bearer a.b.c", Traceparent="00-1-2-01"),
]


@pytest.mark.parametrize("raw", PLAIN)
def test_a_push_is_known_by_its_bytes_once_its_sender_is_admitted(raw: bytes) -> None:
    """What Pub/Sub sends costs a comparison, from the second one on, until the second is over."""
    heads = RequestHeadCache(max_request_bytes=MAX_REQUEST_BYTES)
    read = heads.read(raw)
    request = raw + b" " * (read.length or 0)
    assert heads.known(request) is None
    heads.admitted(read)
    assert heads.known(request) is read
    assert heads.known(request[:-1]) is None
    assert heads.known(request.replace(b"worker", b"wroker")) is None
    heads.expire()
    assert heads.known(request) is None


NOT_PLAIN = [
    head(line="GET / HTTP/1.1"),
    head(line="POST /predict HTTP/1.1"),
    head(line="POST /?x=1 HTTP/1.1"),
    head(line="POST / HTTP/1.0"),
    head(Connection="close"),
    head(Connection="keep-alive, close"),
    head(Expect="100-continue"),
    head(Content_Encoding="gzip"),
    head(X_Goog_Pubsub_Message_Id="7"),
    b"POST / HTTP/1.1\r\nHost: worker\r\nTransfer-Encoding: chunked\r\n\r\n",
    head(User_Agent="x" * CACHED_HEAD_BYTES),
]


@pytest.mark.parametrize("raw", NOT_PLAIN)
def test_a_request_framed_or_addressed_otherwise_is_parsed_each_time(raw: bytes) -> None:
    """Odd framing, other paths, other versions: none of them is known by its bytes."""
    heads = RequestHeadCache(max_request_bytes=MAX_REQUEST_BYTES)
    read = heads.read(raw)
    heads.admitted(read)
    assert heads.known(raw + b" " * (read.length or 0)) is None


def test_a_heads_token_is_read_whole_and_two_are_none_that_is_known() -> None:
    """The guard sees what the sender sent, without the blanks around it."""
    assert parsed(head(Authorization=" \tBearer a.b.c \t")).authorization == "Bearer a.b.c"
    twice = head(Authorization="Bearer a").replace(b"\r\n\r\n", b"\r\nauthorization: Bearer b\r\n\r\n")
    assert parsed(twice).authorization == "Bearer a, Bearer b"


def test_remembered_heads_are_bounded_by_their_bytes() -> None:
    """A sender of ever new heads costs time, not memory."""
    heads = RequestHeadCache(max_request_bytes=10**6)
    for nth in range(3 * CACHE_BYTES // 4000):
        heads.admitted(heads.read(head(nth, User_Agent="x" * 4000)))
    assert sum(len(raw) for raw in heads._read) <= CACHE_BYTES
    assert len(heads._admitted) <= LENGTHS


KEPT = {
    ("1.1", None): True,
    ("1.1", "keep-alive"): True,
    ("1.1", "Close"): False,
    ("1.1", "TE, close"): False,
    ("1.0", None): False,
    ("1.0", "Keep-Alive"): True,
    ("1.0", "close"): False,
    ("1.0", "keep-alive, close"): False,
}


@pytest.mark.parametrize("length", ["0", "5"])
@pytest.mark.parametrize(("version", "option"), KEPT)
def test_a_connection_is_kept_as_its_sender_says_with_or_without_a_body(
    version: str, option: str | None, length: str
) -> None:
    """A request without a body is over with its head; its Connection header counts all the same."""
    named = {} if option is None else {"Connection": option}
    assert parsed(head(length, line=f"GET / HTTP/{version}", **named)).keep_alive is KEPT[version, option]


def is_refused(raw: bytes) -> bool:
    try:
        parsed(raw)
    except RefusedRequestError:
        return True
    return False


NAMES = st.sampled_from(
    [b"Content-Length", b"Transfer-Encoding", b"Host", b"Expect", b"Connection", b"Upgrade", b"Content-Encoding", b"X"]
)  # fmt: skip
VALUES = (
    st.sampled_from([b"0", b"2", b"chunked", b"close", b"h2c", b"upgrade", b"gzip", b"\xff", b""])
    | st.binary()
)
TARGETS = st.sampled_from([b"/", b"/predict", b"*", b"http://a/b", b"http://[", b"//["]) | st.binary(
    max_size=9
)


@given(TARGETS, st.lists(st.tuples(NAMES, VALUES), max_size=5), st.integers(0, 40))
def test_any_head_is_read_or_refused_whole_and_in_pieces(
    target: bytes, headers: list[tuple[bytes, bytes]], cut: int
) -> None:
    """Nothing but a refusal ever comes out of reading one, and its headers are texts whatever their bytes are."""
    lines = [
        b"POST %s HTTP/1.1" % target,
        b"Host: worker",
        *(name + b": " + value for name, value in headers),
    ]
    raw = b"\r\n".join([*lines, b"", b""])
    raw = raw[: raw.index(b"\r\n\r\n") + 4]
    partial = PartialHead()
    early = False
    try:
        partial.feed(raw[:cut])
    except RefusedRequestError:
        early = True
    if is_refused(raw):
        return
    assert not early or cut >= len(raw)
    read: RequestHead = parsed(raw)
    assert len(read.headers) <= HEADERS
    assert set(WholeRequest(read).headers) == {name.decode().lower() for name, _ in read.headers}
