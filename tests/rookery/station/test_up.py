"""`rookery up`: one command for a station that keeps what it took."""

from __future__ import annotations

import os
import re
import signal
import socket
from typing import TYPE_CHECKING

import psutil
import pytest

from rookery.errors import EXIT_USAGE
from rookery.station.liveness import alive
from rookery.station.programs import addresses
from tests.rookery.station.running import READY_S, RunningStation, descendants, gone, publish, station

pytestmark = pytest.mark.timeout(240)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStation]:
    """One station for the tests that leave it as it is."""
    with station(tmp_path_factory.mktemp("station")) as started:
        yield started


def test_a_published_reading_is_a_result_in_the_folder(running: RunningStation) -> None:
    """Once it is ready, a published reading is pushed and stands in the results."""
    publish(running.address(), ["a", "b"])
    running.wait_until(lambda: {"a", "b"} <= set(running.results()), within_s=READY_S)


def test_the_worker_of_a_station_may_pull(tmp_path: Path) -> None:
    """Published readings are results, also those published while both programs come back from kill -9; it drains in order."""
    with station(tmp_path, "--pull") as running:
        publish(running.address(), ["b"])
        running.wait_until(lambda: "b" in running.results(), within_s=READY_S)
        for name in ("worker", "broker"):
            os.kill(running.pids(name)[-1], signal.SIGKILL)
        running.wait_for("station: broker is ready", times=2)
        publish(running.address(), ["c"])
        running.wait_until(lambda: {"b", "c"} <= set(running.results()), within_s=READY_S)
        running.wait_for("station: worker is ready", times=2)
        assert running.stop(signal.SIGTERM) == 0


def test_its_programs_are_alive_by_their_probes(running: RunningStation) -> None:
    """The probes that decide over a kill are answered by a broker and a worker that are well."""
    port = int(next(re.finditer(r"--worker http://127\.0\.0\.1:(\d+)", running.log.read_text()))[1])
    known = addresses("127.0.0.1", int(running.address().rpartition(":")[2]), port)
    assert [alive(each) for each in known.probes] == [True, True]


def test_it_says_where_to_publish_and_where_results_lie(running: RunningStation) -> None:
    """Its lines name the address, the commands that come next, and the folder; a file keeps all lines with their times."""
    running.wait_for("station: live page")
    said = "\n".join(running.lines())
    assert f"rookery publish file FILE --broker {running.address()}" in said
    assert f"rookery results summary {running.data}/results/predictions" in said
    kept = (running.data / "station.log").read_text()
    timed = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (.*)$", re.MULTILINE)
    assert set(running.lines()) <= set(timed.findall(kept))
    assert (running.data / "station.log").stat().st_mode & 0o077 == 0


def test_one_station_has_a_folder(running: RunningStation, tmp_path: Path) -> None:
    """A second one over the same folder is refused with 2, names the first, and disturbs nothing."""
    with RunningStation(tmp_path, "--data", str(running.data)) as second:
        assert second.popen.wait(40) == EXIT_USAGE
    assert f"in use by another station (process {running.pid})" in second.lines()[0]
    publish(running.address(), ["c"])
    running.wait_until(lambda: "c" in running.results(), within_s=READY_S)


def test_ctrl_c_drains_the_worker_before_the_broker(tmp_path: Path) -> None:
    """The worker ends first, so that the broker takes its last acknowledgements; a second Ctrl-C hurries neither."""
    with station(tmp_path) as running:
        publish(running.address(), [str(each) for each in range(200)])
        os.kill(running.pid, signal.SIGINT)
        os.kill(running.pid, signal.SIGINT)
        assert running.popen.wait(40) == 0
    ended = [line for line in running.lines() if "ended with exit code 0" in line and "station" in line]
    assert [line.split()[1] for line in ended[-2:]] == ["worker", "broker"]


def test_killed_programs_are_started_again_at_their_addresses(tmp_path: Path) -> None:
    """Kill -9 of worker and broker: both return by themselves, and readings published before and after are results."""
    with station(tmp_path) as running:
        address = running.address()
        for name in ("worker", "broker"):
            publish(address, [f"before {name}"])
            os.kill(running.pids(name)[-1], signal.SIGKILL)
            running.wait_for(f"{name} was ended by SIGKILL; it starts again")
            running.wait_for(f"{name} is ready", times=2)
            publish(address, [f"after {name}"])
            assert len(running.pids(name)) == 2
        names = {f"{when} {name}" for when in ("before", "after") for name in ("worker", "broker")}
        running.wait_until(lambda: set(running.results()) == names, within_s=READY_S)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """Kill -9 of the supervisor ends every program at once, and the folder can be had again."""
    with station(tmp_path) as running:
        publish(running.address(), ["a"])
        children = descendants(running.pid)
        assert {*running.pids("broker"), *running.pids("worker")} <= set(children)
        running.stop(signal.SIGKILL)
        assert gone(children)
    with station(tmp_path) as again:
        publish(again.address(), ["b"])
        again.wait_until(lambda: {"a", "b"} == set(again.results()), within_s=READY_S)


def test_a_second_run_finds_what_the_first_one_made(tmp_path: Path) -> None:
    """Topics and subscription are made once, and changed to the worker's new address by the next run."""
    with station(tmp_path):
        pass
    with station(tmp_path) as again:
        pass
    made = [line.split()[1] for line in again.lines() if re.search("setup:   (made|found|changed)", line)]
    assert made[-4:] == ["found", "found", "found", "changed"]


@pytest.mark.parametrize("option", ["--port", "--worker-port"])
def test_a_port_that_is_taken_ends_it_with_the_reason(tmp_path: Path, option: str) -> None:
    """Exit code 2 and one sentence, no restart, and no process left."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with RunningStation(tmp_path, option, port) as running:
            children = descendants(running.pid)
            assert running.popen.wait(40) == EXIT_USAGE
    last = running.lines()[-1]
    assert last.startswith(f"rookery: The {'worker' if 'worker' in option else 'broker'} cannot run: ")
    assert "in use" in last
    assert gone(children)
    assert not any("starts again" in line for line in running.lines())


def test_a_model_that_cannot_be_loaded_ends_it_with_the_reason(tmp_path: Path) -> None:
    """Exit code 2 and the worker's own sentence, in place of a restart for ever."""
    with RunningStation(tmp_path, "--model", "/nowhere.ubj") as running:
        assert running.popen.wait(40) == EXIT_USAGE
    assert "The worker cannot run: model /nowhere.ubj" in running.lines()[-1]
    assert not any("starts again" in line for line in running.lines())


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """Exit code 2, the folder and the option that names another."""
    with RunningStation(tmp_path, "--data", "/dev/null/station") as running:
        assert running.popen.wait(40) == EXIT_USAGE
    assert running.lines() == [
        "rookery: The data folder /dev/null/station cannot be made or written: Not a directory.",
        "  --data names another folder.",
    ]


def test_systemd_is_informed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systemd hears READY=1 once readings are taken and STOPPING=1 at the end, from the supervisor alone."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(40)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        with station(tmp_path) as running:
            assert listening.recv(100) == b"READY=1"
            environment = psutil.Process(running.pids("worker")[0]).environ()
        assert listening.recv(100) == b"STOPPING=1"
    assert "NOTIFY_SOCKET" not in environment
