"""Supervisor: starts the programs of a station, starts again those that end, and ends them in order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from signal import Signals
from typing import TYPE_CHECKING, Final

from rookery.errors import EXIT_USAGE, UserError
from rookery.station.log import STATION
from rookery.station.restart_delay import RestartDelay
from rookery.station.supervised_process import ProcessEnded, ProcessReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.station.log import StationLog
    from rookery.station.supervised_process import SupervisedProcess


_SETUP_ATTEMPTS: Final = 3
"""Failures at a running broker before they are the station's end: a machine that is slow at its boot may cost some."""


_UNUSABLE_STARTS: Final = 5
"""Ends with exit code 2, one after the other, that are the end of a station whose program was ready before."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """A signal asked the station to end."""

    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPrograms:
    """The two programs that run for ever, and the one that makes topics and subscription and ends.

    A worker that `pulls` cannot start without its subscription, which is made first.
    """

    broker: SupervisedProcess
    worker: SupervisedProcess
    setup: SupervisedProcess
    pulls: bool = False


class Supervisor:
    """Runs the programs of a station until `stop`; used from the main thread.

    A program that ends is started again, after a delay that grows. One that cannot start ends the station in place of
    that: it ended with any error before it was ready for the first time, or with exit code 2 several times in a row (once
    is no reason: another program's connection may have had its port just then). `ready` is called once both programs run
    and topics and subscription are there.
    """

    def __init__(self, programs: StationPrograms, log: StationLog, *, ready: Callable[[], None]) -> None:
        self._programs = programs
        self._services = (programs.broker, programs.worker)
        self._before_setup = (programs.broker,) if programs.pulls else self._services
        self._log = log
        self._ready = ready
        self._events: SimpleQueue[ProcessReady | ProcessEnded | StopRequested] = SimpleQueue()
        self._delays = {each: RestartDelay() for each in (*self._services, programs.setup)}
        self._due: dict[SupervisedProcess, float] = {}
        self._once_ready: set[SupervisedProcess] = set()
        self._unusable: dict[SupervisedProcess, int] = {}
        self._set_up = self._announced = False
        self._asked_broker = 0
        self._refusals = 0

    def stop(self, number: int) -> None:
        """Ask for the end; may be called from a signal handler, and again."""
        self._events.put(StopRequested(Signals(number).name))

    def run(self) -> None:
        """Return once `stop` was called; raises UserError where a program cannot start."""
        for each in self._before_setup:
            self._start(each)
        while not isinstance(event := self._next_event(), StopRequested):
            if isinstance(event, ProcessReady):
                self._process_ready(event.process)
            elif event is not None and event.process is self._programs.setup:
                self._setup_ended(event.code)
            elif event is not None:
                self._service_ended(event.process, event.code)
            self._start_due()
        self._say(f"{event.signal}: draining")

    def drain(self) -> list[str]:
        """End the programs in order; gives the names of those that did not end in order.

        The worker goes first, while the broker still takes its acknowledgements and publishers' messages.
        """
        disordered = []
        for each in (self._programs.setup, self._programs.worker, self._programs.broker):
            if not each.running:
                continue
            code = each.stop()
            # A program amid its start ends by the signal itself: it holds nothing yet.
            if code and (each.ready_since is not None or code > 0):
                disordered.append(each.name)
            self._say(f"{each.name} {_ended(code)}")
        return disordered

    def _next_event(self) -> ProcessReady | ProcessEnded | StopRequested | None:
        """Wait for an event; None when a start is due first."""
        wait_s = min(self._due.values()) - time.monotonic() if self._due else None
        try:
            return self._events.get(timeout=None if wait_s is None else max(0.0, wait_s))
        except Empty:
            return None

    def _start(self, process: SupervisedProcess) -> None:
        try:
            process.launch(self._events)
        except OSError as error:
            self._say(f"{process.name} cannot be started: {error.strerror}")
            self._start_in(process, self._delays[process].after(0.0))

    def _start_in(self, process: SupervisedProcess, seconds: float) -> None:
        self._due[process] = time.monotonic() + seconds

    def _start_due(self) -> None:
        now = time.monotonic()
        for each in [process for process, at in self._due.items() if at <= now]:
            del self._due[each]
            if each is self._programs.setup:
                self._begin_setup()
            else:
                self._start(each)

    def _process_ready(self, process: SupervisedProcess) -> None:
        self._once_ready.add(process)
        self._say(f"{process.name} is ready (process {process.pid})")
        self._begin_setup()
        self._announce()

    def _announce(self) -> None:
        """Say once that the station is ready."""
        if self._set_up and not self._announced and self._once_ready.issuperset(self._services):
            self._announced = True
            self._ready()

    def _begin_setup(self) -> None:
        """Make topics and subscription, unless that is done, in progress, or a program is not ready."""
        ready = all(each.running and each.ready_since is not None for each in self._before_setup)
        if ready and not self._set_up and not self._programs.setup.running:
            self._asked_broker = self._programs.broker.pid
            self._start(self._programs.setup)

    def _setup_ended(self, code: int) -> None:
        broker, setup = self._programs.broker, self._programs.setup
        if self._set_up:
            return
        if code == 0:
            self._set_up = True
            for each in self._services:
                if each not in self._before_setup:
                    self._start(each)
            self._announce()
            return
        self._refusals += code > 0 and broker.running and broker.pid == self._asked_broker
        if self._refusals >= _SETUP_ATTEMPTS:
            raise UserError(f"Topics and subscription cannot be made: {setup.reason()}")
        self._start_in(setup, self._delays[setup].after(0.0))

    def _service_ended(self, process: SupervisedProcess, code: int) -> None:
        self._unusable[process] = self._unusable.get(process, 0) + 1 if code == EXIT_USAGE else 0
        hopeless = self._unusable[process] == _UNUSABLE_STARTS
        if hopeless or (code > 0 and process not in self._once_ready):
            raise UserError(f"The {process.name} cannot run: {process.reason()}")
        ready_s = 0.0 if process.ready_since is None else time.monotonic() - process.ready_since
        seconds = self._delays[process].after(ready_s)
        self._say(f"{process.name} {_ended(code)}; it starts again in {seconds:g} s")
        self._start_in(process, seconds)

    def _say(self, text: str) -> None:
        self._log.write(STATION, text)


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {Signals(-code).name}"
    return f"ended with exit code {code}"
