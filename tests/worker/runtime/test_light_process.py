"""The modules in a worker's process: those that it uses, and none that its packages would import besides."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import Any

import pytest

SERVES = """
import os, sys, threading

of_python = {threading.get_native_id()}

def began(*_):
    of_python.add(threading.get_native_id())
    sys.setprofile(None)

threading.setprofile(began)

import rookery.worker.__main__
import asyncio
import numpy
from rookery.worker.app import running
from rookery.worker.settings import Settings

async def asked():
    async with running(Settings()) as address:
        where, _, port = address.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(where, int(port))
        body = b'{"bill_length_mm":[' + b",".join([b"40"] * 5000) + b"]}"
        writer.write(b"POST /predict HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        status = await reader.readline()
        numpy.ones((500, 500)) @ numpy.ones((500, 500))
        native = len({int(task) for task in os.listdir("/proc/self/task")} - of_python)
        writer.close()
        return {"status": status.split()[1], "native": native, "modules": sorted(sys.modules)}

print(asyncio.run(asked()))
"""
"""A worker that is asked for a table which is large enough for a thread, and for a product that BLAS would share out.

A thread in which Python never ran a function is a library's own; one that just ends is still seen by the kernel.
"""

UNUSED = {
    "scipy.sparse": "xgboost's own import of it is kept from happening",
    "sklearn": "the same",
    "xgboost.sklearn": "the same",
    "pandas": "no part's",
    "matplotlib": "no part's",
    "aiohttp": "the broker's and the live page's",
    "numpy.testing": "what scipy brings",
    "numpy.ma": "what scipy and np.unique bring",
    "google.cloud.storage": "a sink or a remote model",
    "google.pubsub_v1": "a topic as sink",
    "grpc": "the same",
    "requests": "the same",
    "google.auth": "tokens",
    "cryptography": "tokens",
    "opentelemetry": "tracing",
    "pydantic_settings": "what a few lines do",
    "typer": "the command line",
    "rich": "the same",
}
"""Modules that a worker with a folder, without tokens and traces, does not need, and the part that would use them."""


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("light")
    kept = run(
        SERVES,
        ROOKERY_PORT="0",
        ROOKERY_RESULTS=f"file://{folder}/results",
        ROOKERY_REJECTS=f"file://{folder}/rejects",
        ROOKERY_PUSH_AUTH="none",
    )
    report: dict[str, Any] = ast.literal_eval(kept.splitlines()[-1])
    assert report["status"] == b"200"
    return report


@pytest.mark.parametrize("module", UNUSED)
def test_a_worker_with_a_folder_imports_nothing_that_it_does_not_use(
    found: dict[str, Any], module: str
) -> None:
    """Not even after it has answered: memory and start are for what runs."""
    assert "xgboost.core" in found["modules"]
    assert module not in found["modules"]


def test_no_library_keeps_threads_of_its_own(found: dict[str, Any]) -> None:
    """Every thread is Python's: BLAS and XGBoost start none, however many CPUs the machine has."""
    assert found["native"] == 0
