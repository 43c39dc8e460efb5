"""Child processes: read while they run, ended by their id, killed where they do not listen, never left behind."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from rookery.load.chaos.process import RestartableProcess
from rookery.load.child_process import ChildProcess, ProcessFailedError, module_command

if TYPE_CHECKING:
    from pathlib import Path

STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text("here")
time.sleep(60)
"""


class ImpatientProcess(ChildProcess):
    ends_within_s = 0.2


def give_up() -> None:
    raise InterruptedError


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """No process is left behind its context, whatever it does with signals."""
    ready = tmp_path / "stubborn.ready"
    with ImpatientProcess("stubborn", [sys.executable, "-c", STUBBORN, str(ready)], folder=tmp_path) as child:
        assert child.address() == "here"
        assert child.stop() == -signal.SIGKILL
    assert not psutil.pid_exists(child.pid)


def test_a_chaos_program_that_ignores_sigterm_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drain that does not end in time is a failure, and the program is gone all the same."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    monkeypatch.setattr(RestartableProcess, "ends_within_s", 0.2)
    command, settings = ["stubborn", str(tmp_path / "worker.ready")], {"PYTHONPATH": str(tmp_path)}
    with RestartableProcess("worker", command, folder=tmp_path, settings=settings) as worker:
        with pytest.raises(ProcessFailedError, match=r"did not end within 0\.2 s of signal 15"):
            worker.end(signal.SIGTERM)
        assert not psutil.pid_exists(worker.pid)


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    """A child that ends by itself is reported with its exit code and its last words."""
    command = [sys.executable, "-c", "import sys; sys.exit('no model here')"]
    with (
        ChildProcess("worker", command, folder=tmp_path) as worker,
        pytest.raises(ProcessFailedError, match=r"worker ended with exit code 1\.(?s:.*)no model here"),
    ):
        worker.address()


def test_output_goes_to_its_own_file(tmp_path: Path) -> None:
    """Standard output that is data is kept apart from the log; `wait` gives the exit code of an end that is expected."""
    command = [sys.executable, "-c", "import sys; print('data'); print('said', file=sys.stderr); sys.exit(3)"]
    with ChildProcess("swarm", command, folder=tmp_path, output=tmp_path / "data") as swarm:
        assert swarm.wait(within_s=30) == 3
    assert (tmp_path / "data").read_text() == "data\n"
    assert swarm.log.read_text() == "said\n"


def test_a_wait_is_bounded_and_may_be_given_up(tmp_path: Path) -> None:
    """`meanwhile` may raise; the bound raises where nothing else does, and the child ends with its context."""
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with ChildProcess("slow", command, folder=tmp_path) as slow:
        with pytest.raises(ProcessFailedError, match=r"slow did not end within 0 s"):
            slow.wait(within_s=0, every_s=0.01)
        with pytest.raises(InterruptedError):
            slow.wait(within_s=30, every_s=0.01, meanwhile=give_up)
    assert slow.code == -signal.SIGTERM


def test_nothing_in_the_working_directory_is_imported_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of the user's by the same name does not run in a child."""
    (tmp_path / "calendar.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    command = module_command("calendar", "2026", "1")
    with ChildProcess("calendar", command, folder=tmp_path) as child:
        assert child.wait(within_s=30) == 0
