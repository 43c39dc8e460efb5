"""`python -m tools.walk`: the way of one pushed reading through a worker, file by file.

A worker runs in this process, without authentication and over a temporary folder; one envelope is pushed while a
profiler watches every thread. A move is a call into another of Rookery's files, a return is the way back from one.
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

from rookery.worker.app import own_threads, running
from rookery.worker.settings import Settings
from tools.types_tree import MAPPED, ROOT

if TYPE_CHECKING:
    from types import CodeType, FrameType

_READING: Final = {
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
}
_WARM_PUSHES: Final = 5
"""The first pushes import, open the segment and fill caches; a later one is what every reading costs."""


@dataclass(slots=True)
class Walk:
    """What a profiler saw of one push: the files in order, the moves between them and the returns."""

    steps: list[str] = field(default_factory=list)
    moves: int = 0
    returns: int = 0
    recording: bool = False
    _stacks: dict[int, list[str]] = field(default_factory=dict)
    _known: dict[CodeType, str] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """Every file once, in the order of its first step."""
        return list(dict.fromkeys(step.split(":")[0] for step in self.steps))

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note a call or a return of Rookery's own code."""
        if not self.recording or event not in {"call", "return"}:
            return
        file = self._file(frame.f_code)
        if not file:
            return
        stack = self._stacks.setdefault(threading.get_ident(), [])
        if event == "call":
            if not stack or stack[-1] != file:
                self.moves += 1
                self.steps.append(f"{file}:{frame.f_code.co_name}")
            stack.append(file)
        elif stack:
            stack.pop()
            self.returns += bool(stack) and stack[-1] != file

    def _file(self, code: CodeType) -> str:
        if code not in self._known:
            path = Path(code.co_filename)
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in MAPPED
            self._known[code] = str(path.relative_to(ROOT)) if inside else ""
        return self._known[code]


async def walked(folder: Path) -> Walk:
    """Push readings one after the other and return the walk of the last; raises RuntimeError where one is refused."""
    walk = Walk()
    threading.setprofile(walk)
    sys.setprofile(walk)
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
            for nth in range(_WARM_PUSHES + 1):
                walk.recording = nth == _WARM_PUSHES
                await _push(address, f"walk-{nth}")
            walk.recording = False
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return walk


async def _push(address: str, reading_id: str) -> None:
    data = base64.b64encode(json.dumps({**_READING, "reading_id": reading_id}).encode()).decode()
    message = {"data": data, "messageId": reading_id, "publishTime": "2026-01-01T00:00:00Z"}
    body = json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"POST / HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    if b" 204 " not in status:
        raise RuntimeError(f"the worker answered {status!r}")


def main() -> None:
    """Print the walk and its three figures."""
    with tempfile.TemporaryDirectory() as folder:
        walk = asyncio.run(walked(Path(folder)))
    print(*walk.steps, sep="\n")  # noqa: T201  a program for a terminal
    print(f"{len(walk.files)} files, {walk.moves} moves, {walk.returns} returns")  # noqa: T201  the same


if __name__ == "__main__":
    main()
