"""Segment: a file of lines in a folder of results, and what of it a reader may trust.

A worker appends to a segment under a hidden name and renames it when it is full or old. Every line that ends
with a newline is whole and was synced before it was answered for; what follows the last newline of a hidden
segment was being written when its worker was killed, and was never answered for. Nor was what follows the first NUL:
a worker has its disk prepare the place of coming lines so, and no line of JSON holds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

OPEN: Final = ".open-"
"""How the name of a segment begins that is still appended to (or whose worker was killed)."""

SUFFIX: Final = ".ndjson"

PARQUET: Final = ".parquet"
"""The end of the name of a file of predictions in columns, which is there whole or not at all."""

UNFINISHED: Final = ".part-"
"""How the name of a Parquet file begins that is still written (or whose worker was killed)."""

FILLER: Final = b"\0"
"""The padding where lines will be written."""


def hour_of(moment: datetime) -> str:
    """The folder of an hour, in the form that query engines know: `date=YYYY-MM-DD/hour=HH`."""
    return f"date={moment:%Y-%m-%d}/hour={moment:%H}"


def sealed(segment: Path) -> Path:
    """The final name of a segment, whether it is open still or not."""
    return segment.with_name(_final(segment.name))


def segments(root: Path) -> list[Path]:
    """Every segment below a folder, open ones too, in the order of their hours and names; other files are ignored."""
    found = (file for file in root.rglob(f"*{SUFFIX}") if _listed(file.relative_to(root).parts))
    return sorted(found, key=sealed)


def result_files(root: Path) -> list[Path]:
    """Every segment and every Parquet file below a folder, in the order of their hours and names."""
    columns = (file for file in root.rglob(f"*{PARQUET}") if _listed(file.relative_to(root).parts))
    return sorted([*segments(root), *columns], key=sealed)


def _listed(parts: tuple[str, ...]) -> bool:
    *folders, name = parts
    return not any(folder.startswith(".") for folder in folders) and not _final(name).startswith(".")


def _final(name: str) -> str:
    return name.removeprefix(OPEN)


def whole(content: bytes) -> bytes:
    """The whole lines at the start of a content: all up to its last newline before the first NUL."""
    end = content.find(FILLER)
    return content[: content.rfind(b"\n", 0, end if end >= 0 else len(content)) + 1]
