"""From addresses to sinks: what can be named, what is refused, and several places at once."""

from __future__ import annotations

import stat
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from rookery.worker.errors import MisconfiguredError
from rookery.worker.settings import Settings
from rookery.worker.sinks.factory import open_sinks
from rookery.worker.sinks.fan_out import FanOut
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError
from rookery.worker.testing import MemorySink

if TYPE_CHECKING:
    from pathlib import Path

    from storage_emulator.server import StorageServer
    from tests.worker.sinks.conftest import TopicPlace

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REFUSED = [
    "",
    " , ",
    "s3://bucket/prefix",
    "gs://[bucket/prefix",
    "gs://",
    "pubsub://project",
    "pubsub://project/",
    "pubsub://project/a/b",
    "file://elsewhere/dir",
    "file:///",
    "/just/a/path",
]


@pytest.mark.parametrize("written", REFUSED)
async def test_an_address_that_cannot_be_used_is_refused_with_those_that_can(written: str) -> None:
    """By the name of its setting, before anything is opened."""
    async with AsyncExitStack() as stack:
        with pytest.raises(MisconfiguredError, match=r"ROOKERY_REJECTS=.*gs://bucket/prefix"):
            await open_sinks(stack, Settings(rejects=written))


async def test_every_wrong_address_is_named(tmp_path: Path) -> None:
    """Not only the first one, and none that is right."""
    async with AsyncExitStack() as stack:
        with pytest.raises(MisconfiguredError, match="ROOKERY_RESULTS=s3://a, ftp://b: "):
            await open_sinks(stack, Settings(results=f"s3://a,file://{tmp_path},ftp://b"))


async def test_folders_alone_do_not_gather(tmp_path: Path) -> None:
    """The group commit of the batches is all that a folder needs."""
    async with AsyncExitStack() as stack:
        sinks = await open_sinks(stack, settings(tmp_path, f"file://{tmp_path}/r"))
        assert not sinks.coalesces


async def test_several_places_all_have_a_block_before_write_returns(
    tmp_path: Path, strict: StorageServer, topic: TopicPlace, noon: datetime
) -> None:
    """A folder, a bucket and a topic at once."""
    async with AsyncExitStack() as stack:
        where = f"file://{tmp_path}/r, gs://rookery-test/p ,pubsub://p/results"
        sinks = await open_sinks(stack, settings(tmp_path, where))
        assert sinks.coalesces
        await sinks.results.write(LineBlock(key="0a", lines=[b'{"reading_id":"r1"}\n'], written_at=noon))
        assert [each.name for each in strict.buckets.objects("rookery-test")] == [
            "p/date=2026-11-23/hour=12/0a.ndjson.gz"
        ]
        (message,) = await topic.messages(1)
        assert message.data == b'{"reading_id":"r1"}'
    (file,) = (tmp_path / "r").rglob("*.ndjson")
    assert file.read_bytes() == b'{"reading_id":"r1"}\n'


async def test_a_block_is_not_durable_while_one_place_lacks_it(noon: datetime) -> None:
    """The error says what is wrong at each place; the places that work have the block."""
    working, broken, other = MemorySink(), MemorySink(), MemorySink()
    broken.broken = other.broken = True
    with pytest.raises(SinkUnavailableError, match=r"on purpose; .* on purpose"):
        await FanOut([working, broken, other]).write(LineBlock(key="0a", lines=[b"1\n"], written_at=noon))
    assert working.lines == [b"1\n"]


def settings(folder: Path, results: str) -> Settings:
    chosen: dict[str, Any] = {"results": results, "rejects": f"file://{folder}/rejects"}
    return Settings(**chosen)


async def test_the_setting_decides_over_the_mode_of_result_files(tmp_path: Path) -> None:
    """Private without a word; a mode that is none is refused before anything is written."""
    for mode, chosen in ((0o600, {}), (0o644, {"file_mode": "0644"})):
        root = tmp_path / f"{mode:o}"
        settings = Settings(results=f"file://{root}", rejects=f"file://{root}", **chosen)
        async with AsyncExitStack() as stack:
            sinks = await open_sinks(stack, settings)
            await sinks.results.write(LineBlock(key="a", lines=(b"1\n",), written_at=NOON))
        (file,) = root.rglob("*.ndjson")
        assert stat.S_IMODE(file.stat().st_mode) == mode
    with pytest.raises(ValidationError, match="file_mode"):
        Settings(file_mode="0777")
