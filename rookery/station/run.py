"""`rookery up`: a station from its start to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.errors import EXIT_FAILED, UserError
from rookery.load.signals import signals_handled
from rookery.publisher.topics import LOCAL_BROKER, LOCAL_TOPIC
from rookery.schemas.atomic_file import write_atomically
from rookery.station.folder import StationFolder
from rookery.station.liveness import LivenessCheck
from rookery.station.log import STATION, StationLog
from rookery.station.notification import ServiceNotifier
from rookery.station.programs import addresses, programs
from rookery.station.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rookery.station.options import StationOptions
    from rookery.station.programs import StationAddresses


def run(options: StationOptions) -> int:
    """Run a station until a signal ends it; gives the exit code. Raises UserError where it cannot run.

    0: every program ended in order. 1: one was killed or gave up; what it had not acknowledged is redelivered.
    """
    folder = StationFolder(options.data)
    notifier = ServiceNotifier()
    with folder.locked(), StationLog(folder.log) as log:
        at = addresses(options.host, options.port, options.worker_port)

        def ready() -> None:
            for line in _welcome(folder, at):
                log.write(STATION, line)
            if options.ready_file is not None:
                _announce(options.ready_file, at.broker)
            notifier.send("READY=1")

        running = programs(folder, at, log, model=options.model, pull=options.pull)
        supervisor = Supervisor(running, log, ready=ready)
        probes = dict(zip((running.broker, running.worker), at.probes, strict=True))
        with signals_handled(lambda number, _frame: supervisor.stop(number)):
            try:
                with LivenessCheck(probes, log):
                    supervisor.run()
            finally:
                notifier.send("STOPPING=1")
                disordered = supervisor.drain()
    return EXIT_FAILED if disordered else 0


def _welcome(folder: StationFolder, at: StationAddresses) -> Iterator[str]:
    broker = "" if at.broker == LOCAL_BROKER else f" --broker {at.broker}"
    yield f"ready; data in {folder.root}"
    yield f"publish to {LOCAL_TOPIC} at {at.broker}: rookery publish file FILE{broker}"
    yield f"results in {folder.results}: rookery results summary {folder.predictions}"
    yield f"live page: rookery watch {folder.results} --worker {at.worker} --broker {at.broker}"


def _announce(path: Path, address: str) -> None:
    try:
        write_atomically(path, address.encode(), sync=False)
    except OSError as error:
        raise UserError(f"The ready file {path} cannot be written: {error.strerror}.") from None
