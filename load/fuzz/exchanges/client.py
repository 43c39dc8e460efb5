"""The client of exchanges: writes what each says on a connection of its own, and reads the statuses of the answers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.load.fuzz.exchanges.exchange import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.load.fuzz.exchanges.exchange import Exchange

AT_ONCE: Final = 16
_ANSWERS_WITHIN_S: Final = 30.0
_SAYS_NOTHING_WITHIN_S: Final = 3.0
"""How long an answer is awaited that need not come; the connection is half closed by then."""

_READ: Final = 65_536
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r]")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_BODILESS: Final = (204, 304)
_INTERIM: Final = 200


@dataclass(frozen=True, slots=True)
class Answers:
    """The statuses that came, interim ones apart; `rest` is what came that is no answer."""

    statuses: tuple[int, ...]
    interim: tuple[int, ...] = ()
    rest: bytes = b""


def parsed(text: bytes) -> Answers:
    """Read answers one after the other; what is not whole stays in `rest`."""
    statuses, interim = list[int](), list[int]()
    while (found := _STATUS.match(text)) is not None and (end := text.find(b"\r\n\r\n")) >= 0:
        status, head, rest = int(found[1]), text[: end + 2], text[end + 4 :]
        length = _LENGTH.search(head)
        size = 0 if status in _BODILESS or status < _INTERIM or length is None else int(length[1])
        if len(rest) < size:
            break
        (interim if status < _INTERIM else statuses).append(status)
        text = rest[size:]
    return Answers(tuple(statuses), tuple(interim), text)


async def played(host: str, port: int, exchange: Exchange) -> Answers | None:
    """Play an exchange; None where the answers that it needs did not come in time. Raises OSError."""
    reader, writer = await asyncio.open_connection(host, port)
    came = bytearray()
    try:
        await _write(reader, writer, exchange, came)
        if exchange.ending is Ending.RESET:
            _reset(writer)
            return Answers(())
        wanted = None if exchange.expected is None else len(exchange.expected)
        if wanted is None or exchange.ending is Ending.HALF_CLOSE:
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()
        patience = _SAYS_NOTHING_WITHIN_S if wanted is None else _ANSWERS_WITHIN_S
        try:
            async with asyncio.timeout(patience):
                await _read(reader, came, wanted)
        except TimeoutError:
            if wanted is not None:
                return None
        return parsed(bytes(came))
    finally:
        writer.close()


async def _write(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, exchange: Exchange, came: bytearray
) -> None:
    """Write the pieces; a worker that has refused may close before all are written."""
    with contextlib.suppress(OSError):
        for nth, piece in enumerate(exchange.pieces):
            writer.write(piece)
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                await writer.drain()
            if exchange.pauses and nth == 0:
                async with asyncio.timeout(_ANSWERS_WITHIN_S):
                    came += await reader.read(_READ)
            # Let the piece leave before the next one.
            await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader, came: bytearray, wanted: int | None) -> None:
    """Read until so many answers are there, or to the end."""
    while wanted is None or len(parsed(bytes(came)).statuses) < wanted:
        try:
            piece = await reader.read(_READ)
        except OSError:
            return
        if not piece:
            return
        came += piece


def _reset(writer: asyncio.StreamWriter) -> None:
    """Leave as a client does whose machine is gone: without a word, and with unread answers."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def play_all(
    addresses: list[str],
    exchanges: Iterator[Exchange],
    answered: Callable[[Exchange, list[Answers | None]], None],
) -> None:
    """Play every exchange at every address, some exchanges at once, and tell what each address answered.

    An address that cannot be reached has given no answer.
    """
    places = [address.removeprefix("http://").rsplit(":", 1) for address in addresses]

    async def at(host: str, port: str, exchange: Exchange) -> Answers | None:
        try:
            return await played(host, int(port), exchange)
        except (OSError, TimeoutError):
            return None

    async def some() -> None:
        for exchange in exchanges:
            answered(exchange, await asyncio.gather(*(at(host, port, exchange) for host, port in places)))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
