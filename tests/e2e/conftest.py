"""Google's emulator for the whole way, where the machine has it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def _jar() -> Path:
    """Find the emulator below Google's SDK, or skip with what is missing."""
    for program in ("gcloud", "java"):
        if shutil.which(program) is None:
            pytest.skip(f"Google's emulator needs {program}, which is not on this machine")
    asked = ["gcloud", "info", "--format=value(installation.sdk_root)"]
    root = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    jars = sorted(Path(root).glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"))
    if not jars:
        pytest.skip("Google's SDK is here without its Pub/Sub emulator")
    return jars[-1]


@pytest.fixture(scope="session")
def google_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    jar = _jar()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("emulator") / "emulator.log"
    command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"]
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as emulator:
        try:
            _await_ok(f"http://127.0.0.1:{port}/", emulator)
            yield f"127.0.0.1:{port}"
        finally:
            emulator.terminate()


def _await_ok(url: str, emulator: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and emulator.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  loopback
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)  # the emulator tells nobody when it is ready
    pytest.fail("Google's emulator did not get ready")
