"""Children: awaited until ready, explained when they fail, ended by their id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from rookery.environment import process as child
from rookery.environment.process import RookeryProcess
from rookery.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_child_lives_as_long_as_its_context(tmp_path: Path) -> None:
    """Inside the context it answers at its address; behind it there is no process any more."""
    with child.broker(tmp_path) as broker:
        assert broker.address().startswith("127.0.0.1:")
        assert broker.code is None
    assert not psutil.pid_exists(broker.pid)
    assert broker.code == 0


def test_a_child_that_fails_is_explained(tmp_path: Path) -> None:
    """The error of a child that has ended names its exit code and the end of its log."""
    ended = pytest.raises(UserError, match=r"The broker ended with exit code 2\.")
    with RookeryProcess("rookery.broker", tmp_path, arguments=["--port", "no"]) as broker, ended as raised:
        broker.address()
    assert "invalid _port value" in raised.value.hint


def test_a_ready_file_of_an_earlier_run_is_not_believed(tmp_path: Path) -> None:
    """Started again in the same folder, a child is ready only when it says so itself."""
    (tmp_path / "broker.ready").write_text("127.0.0.1:1")
    with child.broker(tmp_path) as broker:
        assert broker.address() != "127.0.0.1:1"


def test_a_worker_writes_to_its_results_and_rejects(tmp_path: Path) -> None:
    """Folders with spaces and signs reach the worker whole."""
    odd = tmp_path / "two words %20 é"
    odd.mkdir()
    with child.worker(odd, results=odd / "a", rejects=odd / "b") as worker:
        assert worker.address().startswith("http://127.0.0.1:")
    assert (odd / "a").is_dir()
    assert (odd / "b").is_dir()
