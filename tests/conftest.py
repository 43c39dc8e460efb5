"""Fixtures of all tests: Google's emulator, and hypothesis' profile for machines of uneven speed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from rookery.load_test.emulator import NoEmulatorError, emulator
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "rookery-test"
"""The bucket of the tests' own storage server."""

# Time on a noisy machine says nothing about the code: pytest's own timeout bounds each test.
settings.register_profile("rookery", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rookery")

# The tests' own clients of Cloud Storage shall ask for nothing either, long after their test (worker/storage_client.py).
os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"

# A shell lets what it starts in the background ignore interrupts, and the commands that tests interrupt would do so, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def google_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of Google's emulator; skips only where it is not on the machine: one that does not run is a failure."""
    try:
        with emulator(tmp_path_factory.mktemp("emulator")) as google:
            yield google.address
    except NoEmulatorError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageServer]:
    """A storage server with one bucket whose address is in the environment, as Google's client reads it."""
    with StorageServer(BUCKET) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server
