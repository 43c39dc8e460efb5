"""Clients of other projects on the embedded broker, where their packages are installed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from rookery.broker.server import EmbeddedBroker

PYTHON: Final = os.environ.get("ROOKERY_FOREIGN_PYTHON", sys.executable)
"""An interpreter that has the packages: their dependencies do not go together with Rookery's locks."""
CLIENTS: Final = {
    "kombu": ("kombu.transport.gcpubsub", "kombu[gcpubsub]"),
    "rele": ("rele.client", "rele"),
    "gcloud_aio": ("gcloud.aio.pubsub", "gcloud-aio-pubsub"),
    "dramatiq": ("dramatiq_gcpubsub", "dramatiq-gcpubsub"),
    "functions_framework": ("functions_framework", "functions-framework"),
}


async def run(*command: str, address: str = "") -> tuple[int, str, str]:
    environment = {**os.environ, "PUBSUB_EMULATOR_HOST": address}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_foreign_client_gets_every_message(client: str, data: Path | None) -> None:
    """Each client creates what it needs in its own way, and receives all that it sent."""
    module, package = CLIENTS[client]
    if (await run(PYTHON, "-c", f"import {module}"))[0]:
        pytest.skip(f"{package} is not installed in {PYTHON} (ROOKERY_FOREIGN_PYTHON names another)")
    script = str(Path(__file__).parent / "clients.py")
    async with EmbeddedBroker(data=data) as broker:
        _, out, err = await run(PYTHON, script, client, address=broker.address)
        assert out == "20 of 20\n", err[-3_000:]
