"""Stores that must not be served: damaged, of another format, or open elsewhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rookery.broker.storage import errors
from rookery.broker.storage.database import FILE_NAME, Database
from rookery.broker.storage.upgrades import FORMAT
from tests.broker.storage.child import broker_process, refusal
from tests.broker.storage.client import RestClient, connected, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    Stored = Callable[..., AbstractAsyncContextManager[RestClient]]


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"precious")] ^= 1
    path.write_bytes(content)


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def overwrite(path: Path) -> None:
    path.write_bytes(b"This is no database at all, and long enough to look like a file." * 100)


def zero_a_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-4096:] = bytes(4096)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [change_a_byte, cut_in_half, overwrite, zero_a_page])
async def test_a_damaged_store_is_named_and_not_served(
    stored: Stored, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Exit code 2 and one sentence that names the file and what to do; the file is left as it is."""
    async with stored() as client:
        await client.create()
        await client.publish(*("precious" for _ in range(200)))
    path = tmp_path / "data" / FILE_NAME
    damage(path)
    before = path.read_bytes()
    code, lines = await refusal(tmp_path / "data")
    assert code == 2
    (line,) = lines
    assert f"the store {path} is damaged" in line
    assert "restore it from a backup" in line
    assert path.read_bytes() == before


async def test_a_later_format_is_refused(stored: Stored, tmp_path: Path) -> None:
    """A file that a later version wrote is not opened: exit code 2, one sentence, both numbers."""
    async with stored() as client:
        await client.create()
    with sqlite3.connect(tmp_path / "data" / FILE_NAME) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    code, lines = await refusal(tmp_path / "data")
    assert code == 2
    (line,) = lines
    assert f"has format {FORMAT + 1}, this version reads format {FORMAT}" in line


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """A file with tables of another program is neither changed nor served."""
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("CREATE TABLE theirs(x)")
    connection.close()
    with pytest.raises(errors.StoreUnavailableError, match="another program"):
        Database.open(tmp_path, max_bytes=1_000_000)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A database that cannot be opened, and a folder that cannot be made, are errors with a sentence."""
    (tmp_path / FILE_NAME).mkdir()
    for folder in (tmp_path, Path("/dev/null/data")):
        with pytest.raises(errors.StoreUnavailableError, match="--data"):
            Database.open(folder, max_bytes=1_000_000)


async def test_one_process_has_a_folder(tmp_path: Path) -> None:
    """A second broker is refused with exit code 2 while the first serves on, and gets the folder once that is killed."""
    data = tmp_path / "data"
    async with broker_process(data) as (process, address), connected(address) as client:
        await client.create()
        code, lines = await refusal(data)
        assert code == 2
        (line,) = lines
        assert "is in use by another broker" in line
        assert (await client.publish("a"))[0] == 200
        process.kill()
        await process.wait()
        async with broker_process(data) as (_, again), connected(again) as second:
            assert [text(each) for each in await second.drain()] == ["a"]
