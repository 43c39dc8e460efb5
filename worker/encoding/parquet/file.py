"""ParquetFile: row groups one behind the other, and the schema and their places at the end."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Final

from rookery.worker.encoding.parquet.compact import END, I32, STRUCT, listed, number, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.worker.encoding.parquet.leaves import FileSchema
    from rookery.worker.encoding.parquet.pages import ColumnPage

MAGIC: Final = b"PAR1"

_VERSION: Final = 2
_ORDERED: Final = b"\x1c\0\0"
"""That a column's least and greatest values are by the order of its type."""


class ParquetFile:
    """A file that is written in memory."""

    def __init__(self, schema: FileSchema) -> None:
        """Begin a file of a schema."""
        self._schema = schema
        self._parts = [MAGIC]
        self._size = len(MAGIC)
        self._groups: list[bytes] = []
        self._rows = 0

    def add(self, rows: int, pages: Sequence[ColumnPage]) -> None:
        """Append a row group: a page for each leaf of the schema."""
        plain = 0
        entries = []
        for leaf, page in zip(self._schema.leaves, pages, strict=True):
            chunk = page.chunk(leaf, self._size)
            self._parts.append(chunk.content)
            self._size += len(chunk.content)
            plain += chunk.plain
            entries.append(chunk.entry)
        self._groups.append(listed(1, STRUCT, entries) + number(1, plain) + number(1, rows) + END)
        self._rows += rows

    def __bytes__(self) -> bytes:
        leaves = self._schema.leaves
        end = (
            number(1, _VERSION, I32)
            + listed(1, STRUCT, self._schema.elements)
            + number(1, self._rows)
            + listed(1, STRUCT, self._groups)
            + text(2, b"rookery")
            + listed(1, STRUCT, [_ORDERED] * len(leaves))
            + END
        )
        return b"".join([*self._parts, end, pack("<I", len(end)), MAGIC])
