"""A broker on a file system that is really full; run in a mount namespace of its own, with a folder as its argument."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.broker.storage.child import broker_process
from tests.broker.storage.client import connected, text

if TYPE_CHECKING:
    from tests.broker.storage.client import RestClient

PAD: Final = "x" * 3_000
REFUSALS: Final = 5


async def fill(client: RestClient, name: str) -> list[str]:
    """Publish until the disk has refused some messages; gives those that were taken."""
    taken, refused, number = [], 0, 0
    while refused < REFUSALS:
        message = f"{name} {number} {PAD}"
        status, _ = await client.publish(message)
        assert status in {200, 429}, status
        if status == 200:
            taken.append(message)
        refused += status == 429
        number += 1
    return taken


async def main(folder: Path) -> None:
    """Fill the disk, kill, start over the full disk, kill, make space: what was taken is there, what was refused is not."""
    data, other = folder / "data", folder / "other"
    other.write_bytes(bytes(4_000_000))
    async with broker_process(data) as (process, address), connected(address) as client:
        await client.create(ackDeadlineSeconds=10)
        taken = await fill(client, "first")
        assert len(taken) > 100
        process.kill()
        await process.wait()
    async with broker_process(data) as (process, address), connected(address) as client:
        assert [text(each["message"]) for each in await client.pull()] == taken
        taken += await fill(client, "second")
        other.unlink()
        assert (await client.publish("space"))[0] == 200
        process.kill()
        await process.wait()
    async with broker_process(data) as (process, address), connected(address) as client:
        assert [text(each) for each in await client.drain()] == [*taken, "space"]
        assert (await client.publish("after"))[0] == 200


if __name__ == "__main__":
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", sys.argv[1]], check=True)
    asyncio.run(main(Path(sys.argv[1])))
