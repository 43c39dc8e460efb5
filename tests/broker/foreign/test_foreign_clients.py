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

MISSING: Final = 3
IMPORT: Final = f"""
try:
    import {{module}}
except ModuleNotFoundError:
    raise SystemExit({MISSING})
"""


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
    code, _, err = await run(PYTHON, "-c", IMPORT.format(module=module))
    # A package that is there and cannot be imported is a failure.
    assert code in {0, MISSING}, err[-3_000:]
    if code == MISSING:
        pytest.skip(f"{package} is not installed in {PYTHON} (ROOKERY_FOREIGN_PYTHON names another)")
    script = str(Path(__file__).parent / "clients.py")
    async with EmbeddedBroker(data=data) as broker:
        _, out, err = await run(PYTHON, script, client, address=broker.address)
        assert out == "20 of 20\n", err[-3_000:]
