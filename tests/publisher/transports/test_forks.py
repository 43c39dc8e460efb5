"""A publisher that was made before a fork: it works in the child, whatever it is and whatever it was doing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rookery.publisher.outbox.store import Outbox
from rookery.schemas.codec import decode

if TYPE_CHECKING:
    from tests.publisher.conftest import Topic

CHILDREN = 3
DEVICE = Path(__file__).with_name("forking_device.py")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", ["fork", "process", "async"])
@pytest.mark.parametrize("kept", ["-", "outbox.db"])
@pytest.mark.parametrize("wire", ["rest", "grpc"])
def test_a_publisher_made_before_a_fork_works_in_the_child(
    topic: Topic, tmp_path: Path, wire: str, kept: str, how: str
) -> None:
    """A child forked while its parent publishes sends over a connection of its own, and neither loses anything."""
    command = [sys.executable, str(DEVICE), topic.broker, topic.name, wire, kept, how, str(CHILDREN)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    wanted = {f"{who}-{number}" for who in ("child", "parent") for number in range(CHILDREN)}
    arrived: set[str | None] = set()
    while not wanted <= arrived and (messages := topic.take(1)):
        arrived |= {decode(message.data).reading_id for message in messages}
    assert wanted <= arrived
    if kept != "-":
        with Outbox(tmp_path / kept) as outbox:
            assert outbox.status().messages == 0
