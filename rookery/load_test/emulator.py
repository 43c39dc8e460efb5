"""Google's Pub/Sub emulator, started from the SDK's own jar for as long as a run lasts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rookery.environment.signals import signals_deferred
from rookery.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY_WITHIN_S: Final = 30.0
_POLL_INTERVAL_S: Final = 0.05
_ENDS_WITHIN_S: Final = 10.0
_JARS: Final = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"


class NoEmulatorError(UserError):
    """Google's emulator is not installed on this machine; an installed one that fails to start is a plain UserError."""


@dataclass(frozen=True, slots=True)
class GoogleEmulator:
    """Where it listens (HOST:PORT), and its process."""

    address: str
    pid: int


@contextmanager
def emulator(logs: Path) -> Iterator[GoogleEmulator]:
    """Start Google's emulator on a free port; raises NoEmulatorError with what is missing, UserError where it fails to start."""
    jar = _jar()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Not by gcloud's own command, which leaves Java behind when it is ended.
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"]
    log = logs / "emulator.log"
    with signals_deferred(), log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  Java, found on the PATH
            java, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait(process, port, log)
        yield GoogleEmulator(f"127.0.0.1:{port}", process.pid)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _jar() -> Path:
    for program in ("gcloud", "java"):
        if shutil.which(program) is None:
            raise NoEmulatorError(
                f"Google's emulator needs {program}, which is not on the PATH.",
                hint="--target broker runs over the embedded broker, which needs no installation.",
            )
    asked = ["gcloud", "info", "--format=value(installation.sdk_root)"]
    root = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  gcloud, found on the PATH
    jars = sorted(Path(root).glob(_JARS))
    if not jars:
        raise NoEmulatorError(
            "Google's SDK is installed without its Pub/Sub emulator.",
            hint="`gcloud components install pubsub-emulator` installs it.",
        )
    return jars[-1]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
                return
        except OSError:
            time.sleep(_POLL_INTERVAL_S)
    raise UserError("Google's emulator did not get ready.", hint=f"Its log: {log}")
