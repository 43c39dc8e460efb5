"""MixedAccount: every row of every message that was sent, until its line is found; what is found is removed from the disk."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Final

from rookery.schemas.contract.default import default_contract
from rookery.schemas.segment import OPEN, segments, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.load.mixed.traffic import Payload

_LINE: Final = re.compile(
    rb'"message_id":"(\w+)","row":(\w+)[ ,].*?"%b":"(\w+)", *"probability":([\d.e-]+)[^\n]*\n'
    % default_contract().target.encode()
)
"""The fields of a line that are checked. Millions of lines are read beside the load: a parser would take a core of its own."""

_SHOWN: Final = 20


class MixedAccount:
    """Which rows are still to be found; bounded by what is in flight, however long it is kept.

    `missing` rows were entered and not found yet; `rows` are found as they had to be; `wrong` names the first unexpected lines: another answer than the
    model gave beforehand, a row that is there twice, or one that was never sent.
    """

    def __init__(self, payloads: Sequence[Payload]) -> None:
        """Store what messages hold."""
        self.rows = 0
        self.missing = 0
        self.wrong: list[str] = []
        self.wrongs = 0
        self._payloads = payloads
        self._open: dict[str, tuple[int, bytearray]] = {}
        # Messages are sent by the loop while lines are read in a thread.
        self._lock = threading.Lock()

    def expect(self, message_id: str, nth: int) -> None:
        """Enter a message that holds a payload, before it is sent."""
        rows = len(self._payloads[nth].answers)
        with self._lock:
            self._open[message_id] = (nth, bytearray(rows))
            self.missing += rows

    def collect(self, folder: Path) -> None:
        """Enter the lines of every segment that is finished, and remove it."""
        for segment in segments(folder):
            if not segment.name.startswith(OPEN):
                self.enter(segment.read_bytes())
                segment.unlink()

    def enter(self, content: bytes) -> None:
        """Enter lines."""
        lines = whole(content)
        read = 0
        for match in _LINE.finditer(lines):
            read += 1
            self._enter(*map(bytes.decode, match.groups()))
        if others := lines.count(b"\n") - read:
            self._complain(f"{others} lines that are no predictions")

    def _enter(self, message_id: str, row: str, label: str, probability: str) -> None:
        with self._lock:
            known = self._open.get(message_id)
            if known is None:
                self._complain(f"{message_id}, row {row}: it was not sent, or all of it is there already")
                return
            nth, found = known
            place = 0 if row == "null" else int(row)
            if found[place]:
                self._complain(f"{message_id}, row {row}: it is there twice")
                return
            if (label, float(probability)) != self._payloads[nth].answers[place]:
                self._complain(f"{message_id}, row {row}: {label} ({probability})")
            found[place] = 1
            self.rows += 1
            self.missing -= 1
            if 0 not in found:
                del self._open[message_id]

    def _complain(self, what: str) -> None:
        self.wrongs += 1
        if len(self.wrong) < _SHOWN:
            self.wrong.append(what)
