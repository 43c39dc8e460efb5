"""Tables as pushes, in each form that a worker takes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import ipc

from benchmarks.servers.reference_answers import push
from rookery.schemas.codec import encode

if TYPE_CHECKING:
    from benchmarks.servers.reference_answers import ReferenceAnswers

JSON: Final = "JSON"
ARROW: Final = "Arrow"
FORMS: Final = (JSON, ARROW)


def table_bodies(
    reference: ReferenceAnswers, form: str, rows: int, *, count: int, seed: int = 60
) -> list[bytes]:
    """Wrap seeded tables of so many rows as Pub/Sub pushes them; the same rows in each form."""
    tables = (reference.factory(seed + nth).table(rows) for nth in range(count))
    return [push(_arrow(each) if form == ARROW else encode(each)) for each in tables]


def _arrow(table: Any) -> bytes:
    columns = {name: cells for name, cells in table.model_dump().items() if cells is not None}
    written = io.BytesIO()
    arrow = pa.table(columns)
    with ipc.new_stream(written, arrow.schema) as stream:
        stream.write_table(arrow)
    return written.getvalue()
