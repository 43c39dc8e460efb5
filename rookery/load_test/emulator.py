"""Google's Pub/Sub emulator, started from the SDK's own jar for as long as a run lasts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rookery.environment.process import EnvironmentProcess
from rookery.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    with EnvironmentProcess("emulator", java, folder=logs) as process:
        process.wait_until(partial(_answers, f"http://127.0.0.1:{port}/"))
        yield GoogleEmulator(f"127.0.0.1:{port}", process.pid)


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


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310  http on loopback
            return True
    except OSError:
        return False
