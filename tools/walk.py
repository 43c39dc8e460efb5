"""`python -m tools.walk`: the way of one pushed reading through a worker, file by file.

A worker runs in this process, without authentication and over a temporary folder. Envelopes are pushed one after the
other on one connection, as Pub/Sub keeps its own, while a profiler watches every thread. A move is a call into another
of Rookery's files than the one that ran last; a return is the way back from one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.example import example_value
from rookery.worker.app import own_threads, running
from rookery.worker.settings import Settings
from tools.types_tree import MAPPED, ROOT

if TYPE_CHECKING:
    from types import CodeType, FrameType

_READING: Final = {
    each.name: example_value(each) for each in default_contract().features if each.kind == "number"
}
_PUSHES: Final = 20
"""The first pushes import, open the segment and fill caches; later ones are what every reading costs."""


@dataclass(slots=True)
class Walk:
    """The way of one push: a step for each move, and the number of returns."""

    steps: list[str] = field(default_factory=list)
    returns: int = 0

    @property
    def moves(self) -> int:
        """Calls into another file than the one that ran last."""
        return len(self.steps)

    @property
    def files(self) -> list[str]:
        """Every file once, in the order of its first step."""
        return list(dict.fromkeys(step.split(":")[0] for step in self.steps))


class Profiler:
    """A profile function for all threads that notes one walk after the other."""

    def __init__(self) -> None:
        """Note nothing before the first `begin`."""
        self._walk: Walk | None = None
        self._last = ""
        self._stacks: dict[int, list[str]] = {}
        self._names: dict[CodeType, str] = {}

    def begin(self) -> None:
        """Note a new walk."""
        self._walk, self._last = Walk(), ""
        self._stacks.clear()

    def end(self) -> Walk:
        """Return the walk that was noted, and note no more."""
        if self._walk is None:
            raise RuntimeError("a walk ends before it began")
        walk, self._walk = self._walk, None
        return walk

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note a call or a return of Rookery's own code."""
        walk = self._walk
        if walk is None or event not in {"call", "return"} or not (file := self._file(frame.f_code)):
            return
        stack = self._stacks.setdefault(threading.get_ident(), [])
        if event == "call":
            stack.append(file)
            # A task that goes on in its own file has made no move, whatever the loop did in between.
            if file != self._last:
                walk.steps.append(f"{file}:{frame.f_code.co_name}")
                self._last = file
        elif stack:
            stack.pop()
            if stack and stack[-1] != file:
                walk.returns += 1
                self._last = stack[-1]

    def _file(self, code: CodeType) -> str:
        if code not in self._names:
            path = Path(code.co_filename)
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in MAPPED
            self._names[code] = str(path.relative_to(ROOT)) if inside else ""
        return self._names[code]


async def shortest_walk(folder: Path) -> Walk:
    """Push readings one after the other; return the walk of the fewest moves. Raises RuntimeError where one is refused.

    The others go on through a thread, because the disk was slow just then: not a matter of the code.
    """
    profiler = Profiler()
    threading.setprofile(profiler)
    sys.setprofile(profiler)
    try:
        own_threads()
        settings = Settings(
            host="127.0.0.1",
            port=0,
            push_auth="none",
            results=(folder / "results").as_uri(),
            rejects=(folder / "rejects").as_uri(),
        )
        async with running(settings) as address:
            return min(await _walks(address, profiler), key=lambda walk: walk.moves)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def _walks(address: str, profiler: Profiler) -> list[Walk]:
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    walks = []
    for nth in range(_PUSHES):
        request = _request(where.netloc, f"walk-{nth}")
        profiler.begin()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        walks.append(profiler.end())
        if b" 204 " not in answer:
            raise RuntimeError(f"the worker answered {answer!r}")
    writer.close()
    await writer.wait_closed()
    return walks


def _request(host: str, reading_id: str) -> bytes:
    data = base64.b64encode(json.dumps({**_READING, "reading_id": reading_id}).encode()).decode()
    message = {"data": data, "messageId": reading_id, "publishTime": "2026-01-01T00:00:00Z"}
    body = json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def main() -> None:
    """Print the walk and its three figures."""
    with tempfile.TemporaryDirectory() as folder:
        walk = asyncio.run(shortest_walk(Path(folder)))
    print(*walk.steps, sep="\n")  # noqa: T201  a program for a terminal
    print(f"{len(walk.files)} files, {walk.moves} moves, {walk.returns} returns")  # noqa: T201  the same


if __name__ == "__main__":
    main()
