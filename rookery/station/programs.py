"""The programs of a station, with the arguments and settings that join them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.environment.subscription_name import subscription_of
from rookery.load.free_port import free_port
from rookery.publisher.settings import EMULATOR_VARIABLE
from rookery.publisher.topics import LOCAL_TOPIC
from rookery.station.supervised_process import SupervisedProcess
from rookery.station.supervisor import StationPrograms

if TYPE_CHECKING:
    from rookery.station.folder import StationFolder
    from rookery.station.log import StationLog

_LOOPBACK: Final = "127.0.0.1"
_ANY: Final = "0.0.0.0"  # noqa: S104  compared with, not bound
_BROKER_ENDS_WITHIN_S: Final = 20.0
"""Seconds in which the broker moves its write-ahead log into the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationAddresses:
    """Where the programs listen: the broker on `host`, the worker on the loopback alone, which the broker pushes to."""

    host: str
    broker_port: int
    worker_port: int

    @property
    def broker(self) -> str:
        """HOST:PORT of the broker for clients on this machine."""
        return f"{_LOOPBACK if self.host == _ANY else self.host}:{self.broker_port}"

    @property
    def worker(self) -> str:
        """The worker's address."""
        return f"http://{_LOOPBACK}:{self.worker_port}"

    @property
    def probes(self) -> tuple[str, str]:
        """Where broker and worker answer whether they are alive, as HOST:PORT/PATH."""
        return f"{self.broker}/", f"{_LOOPBACK}:{self.worker_port}/livez"


def addresses(host: str, broker_port: int, worker_port: int) -> StationAddresses:
    """Complete the addresses: a port 0 becomes a free one, which the program keeps when it is started again."""
    return StationAddresses(
        host=host,
        broker_port=broker_port or free_port(host),
        worker_port=worker_port or free_port(_LOOPBACK),
    )


def programs(
    folder: StationFolder, at: StationAddresses, log: StationLog, *, model: str | None, pull: bool = False
) -> StationPrograms:
    """Give the programs of a station, not started yet; with `pull` its worker pulls in place of being pushed to."""
    return StationPrograms(
        broker=_broker(folder, at, log),
        worker=_worker(folder, at, log, model=model, pull=pull),
        setup=_setup(folder, at, log, pull=pull),
        pulls=pull,
    )


def _broker(folder: StationFolder, at: StationAddresses, log: StationLog) -> SupervisedProcess:
    arguments = ["--host", at.host, "--port", str(at.broker_port), "--data", str(folder.broker)]
    return SupervisedProcess(
        "broker",
        "rookery.broker",
        *arguments,
        "--ready-file",
        str(folder.run / "broker.ready"),
        run=folder.run,
        log=log,
        ends_within_s=_BROKER_ENDS_WITHIN_S,
    )


def _worker(
    folder: StationFolder, at: StationAddresses, log: StationLog, *, model: str | None, pull: bool
) -> SupervisedProcess:
    settings = {
        "ROOKERY_HOST": _LOOPBACK,
        "ROOKERY_PORT": str(at.worker_port),
        "ROOKERY_RESULTS": folder.predictions.as_uri(),
        "ROOKERY_REJECTS": folder.rejections.as_uri(),
        "ROOKERY_MODEL_CACHE": str(folder.models),
        "ROOKERY_READY_FILE": str(folder.run / "worker.ready"),
        # The subscription is this station's own: pushes come without tokens.
        "ROOKERY_PULL": subscription_of(LOCAL_TOPIC) if pull else "",
        "ROOKERY_PUSH_AUTH": "none",
    }
    if pull:
        settings[EMULATOR_VARIABLE] = at.broker
    if model is not None:
        settings["ROOKERY_MODEL"] = model
    return SupervisedProcess("worker", "rookery.worker", run=folder.run, log=log, environment=settings)


def _setup(folder: StationFolder, at: StationAddresses, log: StationLog, *, pull: bool) -> SupervisedProcess:
    arguments = ["setup", "--topic", LOCAL_TOPIC, "--broker", at.broker]
    arguments += ["--pull"] if pull else ["--push-to", f"{at.worker}/"]
    return SupervisedProcess("setup", "rookery", *arguments, run=folder.run, log=log, says_ready=False)
