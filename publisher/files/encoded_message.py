"""EncodedMessage: readings of a file, written as one message; or how far reading has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.publisher.files.resume.position import FilePosition


@dataclass(frozen=True, slots=True)
class EncodedMessage:
    """A payload of so many readings, the first of which is named.

    With no rows there is nothing to send: all before `end` has been handed over.
    """

    payload: bytes = b""
    rows: int = 0
    first: str = ""
    end: FilePosition | None = None
