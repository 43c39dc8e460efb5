"""The worker that pulls in the benchmark, from the stand-in for StreamingPull."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.generators.streaming_pull import Stretch, template
from benchmarks.servers.pull_worker import PullWorker
from benchmarks.servers.reference_answers import MARK, ReferenceAnswers, pushes

if TYPE_CHECKING:
    from pathlib import Path


# Two programs that import gRPC, pinned to one CPU each: a busy machine takes its time.
@pytest.mark.timeout(300)
def test_a_pulling_worker_is_fed_checked_and_counted(tmp_path: Path) -> None:
    """All that the stand-in sends is acknowledged, none nacked, and the worker's own CPU time is what a reading costs."""
    with PullWorker(ReferenceAnswers(tmp_path), tmp_path, hasty=True) as worker:
        found = worker.load(connections=1, seconds=1)
    assert found.stretch.requests >= 500
    assert (found.stretch.refused, found.stretch.broken) == (0, 0)
    assert 0 < found.cpu_us < 1_000_000


def test_a_response_is_made_of_whole_messages(tmp_path: Path) -> None:
    """Templates put together are one response: every message with its own number as id and as the end of its ack id."""
    from google.pubsub_v1 import types  # noqa: PLC0415  a third of a second

    bodies = pushes(ReferenceAnswers(tmp_path).readings[:2])
    content = b"".join((b"%016d" % number).join(template(body)) for number, body in enumerate(bodies))
    received = types.StreamingPullResponse.pb().FromString(content).received_messages
    assert [each.message.message_id for each in received] == ["0" * 16, "0" * 15 + "1"]
    assert all(each.ack_id.endswith(each.message.message_id) for each in received)
    assert MARK not in str(received[0])


def test_a_stretch_says_what_was_not_acknowledged() -> None:
    """A message without its acknowledgement counts as broken, so that no rate hides it."""
    stretch = Stretch(first=500)
    stretch.next = 502
    stretch.sent.append(stretch.began)
    stretch.acknowledged(["x0000000000000501"])
    assert (stretch.summary()["requests"], stretch.summary()["broken"]) == (1, 1)
