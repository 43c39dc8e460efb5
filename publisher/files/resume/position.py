"""FilePosition: where reading a file goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FilePosition:
    """Bytes into the file's text as UTF-8 (0 where its form has no such place), and the number of the next row.

    A row's number is that of its line below the header, so that blank lines, and those within quotes, count.
    """

    offset: int
    row: int
