"""FileProfile: what is known of a file before its rows are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.publisher.files.columns.header import FileHeader


@dataclass(frozen=True, slots=True)
class FileProfile:
    """A file at a glance: its columns, the first 12 digits of its SHA-256, about how many rows it has, and what was recognised."""

    columns: FileHeader
    digest12: str
    rows: int
    header_line: int
    delimiter: str
    encoding: str
    remarks: tuple[str, ...]
