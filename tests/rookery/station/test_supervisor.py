"""The supervisor over programs that fail in every way."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from rookery.errors import UserError
from rookery.station import restart_delay
from rookery.station.log import StationLog
from rookery.station.supervised_process import SupervisedProcess
from rookery.station.supervisor import StationPrograms, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import pathlib, signal, sys, time
root = pathlib.Path({root!r})
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

def runs(name):
    file = root / (name + ".runs")
    return len(file.read_text()) if file.exists() else 0

def until(condition):
    while not condition():
        time.sleep(0.005)

def ready():
    said = lambda: (root / "log").read_text().count("{name} is ready")
    before = said()
    (root / "{name}.ready").write_text("address")
    until(lambda: said() > before)

def leave(code):
    print("the reason")
    sys.exit(code)

(root / "{name}.runs").write_text("x" * (runs("{name}") + 1))
exec({plan!r}[min(runs("{name}"), len({plan!r})) - 1])
time.sleep(60)
"""
"""A program whose runs each follow a line of Python; after that it waits to be ended."""


class Stand:
    """Programs that follow plans, and their supervisor, which stops once everything is ready."""

    def __init__(self, root: Path, log: StationLog) -> None:
        self._root, self._log = root, log
        self.disordered: list[str] = []

    def program(self, name: str, plan: tuple[str, ...]) -> SupervisedProcess:
        module = self._root / f"plan_{name}.py"
        module.write_text(PROGRAM.format(root=str(self._root), name=name, plan=plan))
        path = {"PYTHONPATH": str(self._root)}
        return SupervisedProcess(
            name,
            module.stem,
            run=self._root,
            log=self._log,
            environment=path,
            says_ready=name != "setup",
            ends_within_s=1.0,
        )

    def run(self, *, stop_at_once: bool = False, **plans: tuple[str, ...]) -> None:
        """Run until everything is ready, or until it fails, and drain."""
        known = {"broker": ("ready()",), "worker": ("ready()",), "setup": ("leave(0)",), **plans}
        programs = StationPrograms(**{name: self.program(name, plan) for name, plan in known.items()})
        supervisor = Supervisor(programs, self._log, ready=lambda: supervisor.stop(15))
        if stop_at_once:
            supervisor.stop(15)
        try:
            supervisor.run()
        finally:
            self.disordered = supervisor.drain()
            assert not any(each.running for each in (programs.broker, programs.worker, programs.setup))

    def runs(self, name: str) -> int:
        return len((self._root / f"{name}.runs").read_text())


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.setattr(restart_delay, "FIRST_S", 0.01)
    with StationLog(tmp_path / "log", stream=io.StringIO()) as log:
        yield Stand(tmp_path, log)


def test_a_program_that_fails_before_it_was_ever_ready_ends_the_station(stand: Stand) -> None:
    """One start, one sentence with the program's last line, and no other program is left."""
    with pytest.raises(UserError, match="The worker cannot run: the reason"):
        stand.run(worker=("leave(1)",))
    assert stand.runs("worker") == 1


def test_a_program_that_was_ready_is_started_again_until_it_stays(stand: Stand) -> None:
    """Failures of a program that was ready once are survived, and the station becomes ready."""
    worker = ("ready(); leave(1)", "leave(1)", "leave(0)", "ready()")
    stand.run(worker=worker, setup=("until(lambda: runs('worker') == 4); leave(0)",))
    assert stand.runs("worker") == 4
    assert stand.disordered == []


def test_exit_code_2_ends_the_station_at_any_time(stand: Stand) -> None:
    """A program that says five times in a row that it cannot run is not started again, though it ran before."""
    with pytest.raises(UserError, match="The broker cannot run: the reason"):
        stand.run(broker=("ready(); leave(1)", "leave(2)"), setup=("time.sleep(60)",))
    assert stand.runs("broker") == 6


def test_a_port_that_is_taken_for_a_moment_is_waited_for(stand: Stand) -> None:
    """A program that ran before, and cannot for once, is started again: a connection may have had its port just then."""
    broker = ("ready(); leave(1)", "leave(2)", "leave(2)", "ready()")
    stand.run(broker=broker, setup=("until(lambda: runs('broker') == 4); leave(0)",))
    assert stand.runs("broker") == 4


def test_a_setup_that_the_broker_refuses_ends_the_station(stand: Stand) -> None:
    """Topics and subscription that cannot be made, though the broker ran all the time, end it with the reason."""
    with pytest.raises(UserError, match="Topics and subscription cannot be made: the reason"):
        stand.run(setup=("leave(2)",))
    assert stand.runs("setup") == 3


def test_a_setup_that_failed_once_is_tried_again(stand: Stand) -> None:
    """A broker that is slow at first costs another attempt, and the station becomes ready."""
    stand.run(setup=("leave(2)", "leave(2)", "leave(0)"))
    assert stand.runs("setup") == 3


def test_a_setup_that_failed_with_the_broker_is_tried_again(stand: Stand) -> None:
    """A broker that is killed meanwhile costs another attempt, and no more."""
    broker = ("ready(); until(lambda: runs('setup')); signal.raise_signal(9)", "ready()")
    stand.run(broker=broker, setup=("until(lambda: runs('broker') == 2); leave(1)", "leave(0)"))
    assert stand.runs("setup") == 2


def test_a_program_that_ignores_its_end_is_killed_and_named(stand: Stand) -> None:
    """The drain is bounded, and names the program that had to be killed."""
    stand.run(worker=("signal.signal(15, signal.SIG_IGN); ready()",))
    assert stand.disordered == ["worker"]


def test_a_stop_amid_a_restart_is_in_order(stand: Stand) -> None:
    """A program that is being started again when the station ends holds nothing, and may end by the signal."""
    waits = "signal.signal(15, signal.SIG_DFL); (root / 'again.runs').write_text('x')"
    worker = ("ready(); until(lambda: runs('setup')); leave(1)", waits)
    stand.run(worker=worker, setup=("until(lambda: runs('again')); leave(0)",))
    assert stand.runs("worker") == 2
    assert stand.disordered == []


def test_a_stop_amid_the_start_is_heard(stand: Stand) -> None:
    """A signal before anything is ready ends the programs that were started."""
    stand.run(stop_at_once=True)
    assert stand.disordered == []
