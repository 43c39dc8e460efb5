"""Identities: the reading_id of each row of a frame, its own or one made of the frame's content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.frames.libraries import library
from rookery.frames.rows import READING_ID

if TYPE_CHECKING:
    from rookery.frames.rows import FrameRows

_CHUNK_ROWS: Final = 10_000
_DIGITS: Final = 12


def names_of(rows: FrameRows, prefix: str = "") -> Any:
    """The identity of each row as an Arrow array: its own, else the digest of all readings with its position.

    The same frame has the same ones; `prefix` separates equal frames.
    """
    arrow, compute = library("pyarrow"), library("pyarrow.compute")
    own = arrow.array([], arrow.string())
    if rows.stated is not None:
        own = arrow.chunked_array(
            [_texts(cells[READING_ID]) for _, cells in rows.only(READING_ID).chunks(_CHUNK_ROWS)] or [own]
        ).combine_chunks()
        if not own.null_count:
            return own
    digest = hashlib.sha256()
    for _, cells in rows.chunks(_CHUNK_ROWS):
        digest.update(to_json(cells, inf_nan_mode="constants"))
    stem = "-".join(filter(None, (prefix, digest.hexdigest()[:_DIGITS])))
    places = arrow.array(library("numpy").arange(len(rows.frame))).cast(arrow.string())
    made = compute.binary_join_element_wise(stem, places, "-")
    return made if rows.stated is None else compute.coalesce(own, made)


def _texts(cells: list[Any]) -> Any:
    return library("pyarrow").array([None if cell is None else str(cell) for cell in cells], "string")


def repeated(names: Any) -> dict[int, int]:
    """Give each row whose identity an earlier row has, with the first such row."""
    if library("pyarrow.compute").count_distinct(names).as_py() == len(names):
        return {}
    firsts: dict[str, int] = {}
    found: dict[int, int] = {}
    for row, name in enumerate(names.to_pylist()):
        if (first := firsts.setdefault(name, row)) != row:
            found[row] = first
    return found
