"""A broker in a process of its own, over a folder that outlives it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "rookery.broker", "--port", "0"]


@asynccontextmanager
async def broker_process(data: Path) -> AsyncIterator[tuple[Process, str]]:
    """Start a broker on a folder; gives the process, once it serves, and its address."""
    process = await asyncio.create_subprocess_exec(*COMMAND, "--data", str(data), stderr=PIPE)
    try:
        assert process.stderr is not None
        line = (await process.stderr.readline()).decode()
        assert f"messages in {data}" in line, line
        yield process, line.split(" on ")[1].split(" ")[0]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def refusal(data: Path) -> tuple[int | None, list[str]]:
    """Start a broker that refuses a folder; gives its exit code and its lines."""
    process = await asyncio.create_subprocess_exec(*COMMAND, "--data", str(data), stderr=PIPE)
    _, said = await process.communicate()
    return process.returncode, said.decode().splitlines()
