"""Fuzzed connections: heads, encodings, framing and endings at both HTTP paths, and checks that find violations."""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest

from rookery.load.fuzz.connections import alive
from rookery.load.fuzz.exchanges import codings, framing
from rookery.load.fuzz.exchanges.client import Answers, parsed
from rookery.load.fuzz.exchanges.exchange import REFUSED, Ending, Exchange, Request
from rookery.load.fuzz.exchanges.generator import KINDS, Exchanges
from rookery.load.fuzz.exchanges.run import complaints, difference, run

if TYPE_CHECKING:
    from pathlib import Path

OK = Answers((204,))
NO = Answers((400,))


@pytest.mark.timeout(300)
def test_a_worker_handles_invalid_connections(tmp_path: Path) -> None:
    """On both paths alike: no 5xx, no traceback, what is well formed is answered, and all that is accepted is found."""
    findings = run(7, 800, tmp_path)
    assert findings.wrong == []
    assert findings.tracebacks == ()
    assert findings.posted == 800
    assert {"fast 204", "slow 204", "fast 400", "slow 400"} <= set(findings.statuses)


def test_the_same_seed_gives_the_same_connections_of_every_kind() -> None:
    """A seed repeats its exchanges; kinds are many, and of each some must be accepted or refused."""
    once, again = (list(islice(Exchanges(3), 3_000)) for _ in range(2))
    assert [str(each) for each in once] == [str(each) for each in again]
    kinds = Counter(each.kind for each in once)
    assert len(kinds) > len(KINDS)
    assert {each.ending for each in once} == set(Ending)
    assert any(each.expected == (REFUSED,) for each in once)
    assert sum(each.expected == (frozenset({204}),) for each in once) > 300


@pytest.mark.parametrize(
    ("came", "said"),
    [
        (Answers((204,)), []),
        (None, ["no answer in time"]),
        (Answers(()), ["answered (), not 204"]),
        (Answers((400,)), ["answered (400,), not 204"]),
        (Answers((500,)), ["answered 500"]),
        (Answers((204, 503)), ["answered 503"]),
        (Answers((204, 204)), ["accepted what holds nothing to accept"]),
        (Answers((204, 400)), []),
    ],
)
def test_a_wrong_answer_is_reported(came: Answers | None, said: list[str]) -> None:
    """A 5xx, no answer, another answer, and a 204 for what was never sent."""
    assert complaints(alive(1), came) == said


def test_a_5xx_and_a_surplus_204_are_reported_where_no_answer_is_due() -> None:
    """A client is never promised a reading that it did not send."""
    cut = Exchange("cut", (b"POST",), None)
    assert complaints(cut, Answers(())) == complaints(cut, NO) == []
    assert complaints(cut, OK) == ["accepted what holds nothing to accept"]
    assert complaints(cut, Answers((502,))) == ["answered 502"]


def test_a_difference_between_the_paths_is_reported() -> None:
    """By their first answers, unless the client was gone before them, or one worker had too much just then."""
    one = alive(1)
    assert difference(one, [OK, Answers((204, 400))]) is None
    assert difference(one, [OK, NO]) == "204 and 400"
    assert difference(one, [Answers(()), NO]) == "None and 400"
    assert difference(one, [OK, Answers((429,))]) is None
    gone = Exchange("gone", one.pieces, None, ending=Ending.RESET)
    assert difference(gone, [OK, NO]) is None


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (b"", Answers(())),
        (
            b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nab",
            Answers((204, 400)),
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length:0\r\n\r\n",
            Answers((200,), (100,)),
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            Answers((), (), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"),
        ),
        (b"SSH-2.0", Answers((), (), b"SSH-2.0")),
    ],
)
def test_answers_are_read_as_http(text: bytes, answers: Answers) -> None:
    """One after the other, interim ones apart, and none that is not whole."""
    assert parsed(text) == answers


def test_a_body_is_packed_and_cut_so_that_it_comes_back() -> None:
    """A client writes what it declares: gzip is gzip, and chunks are the body."""
    dice = Random(1)  # noqa: S311  any will do
    body = alive(1).pieces[0].partition(b"\r\n\r\n")[2]
    assert gzip.decompress(codings.PACKERS[b"gzip"](body)) == body
    for odd in (False, True):
        rest, whole = framing.chunks(dice, body, odd=odd), b""
        while (size := int(rest.partition(b"\r\n")[0].partition(b";")[0], 16)) > 0:
            piece = rest.partition(b"\r\n")[2]
            whole, rest = whole + piece[:size], piece[size + 2 :]
        assert whole == body
    assert Request(b"{}").written() == b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
