"""ArrowPayloads: Arrow streams of every degree of brokenness, from a seed."""

from __future__ import annotations

import base64
import io
from itertools import count
from random import Random
from struct import pack_into
from typing import TYPE_CHECKING, Any, Final

from rookery.load.fuzz.bodies import Body
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import InvalidEnvelopeError, wrapped
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS: Final = 12
_BYTES: Final = (0, 1, 2, 0x7F, 0x80, 0xFF)
_INTS: Final = (-(2**31), -1, 0, 1, 3, 8, 2**16, 2**20, 2**31 - 1)
_LONGS: Final = (*_INTS, -(2**63), 2**31, 2**33, 2**62, 2**63 - 1)


class ArrowPayloads:
    """An endless supply of streams, most of them damaged; the same seed gives the same ones in the same order."""

    def __init__(self, seed: int) -> None:
        """Write the whole streams that are damaged then; needs pyarrow."""
        self._dice = Random(f"arrow/{seed}")  # noqa: S311  repeatable, not secret
        self._whole = _streams(seed)

    def __iter__(self) -> Iterator[Body]:
        while True:
            broken = bytearray(self._dice.choice(self._whole))
            kinds = [self._damage(broken) for _ in range(self._dice.randint(1, 4))]
            yield Body("arrow: " + ", ".join(kinds), bytes(broken))

    def _damage(self, stream: bytearray) -> str:
        """Damage a stream somewhere; gives how."""
        place = self._dice.randrange(max(len(stream), 1))
        way = self._dice.randrange(7)
        if way == 0:
            stream[place : place + 1] = bytes([self._dice.choice(_BYTES)])
            return "a byte"
        if way == 1:
            stream[place : place + 1] = bytes([self._dice.randrange(256)])
            return "any byte"
        if way in {2, 3} and len(stream) >= 8:  # noqa: PLR2004  a number's bytes
            form, width, lies = (("<i", 4, _INTS), ("<q", 8, _LONGS))[way - 2]
            pack_into(form, stream, min(place - place % width, len(stream) - width), self._dice.choice(lies))
            return "a number"
        if way == 4:  # noqa: PLR2004  one of seven
            del stream[place : place + self._dice.choice((1, 4, 8, 64))]
            return "bytes left out"
        if way == 5:  # noqa: PLR2004  the same
            begin = self._dice.randrange(max(len(stream), 1))
            stream[place:place] = stream[begin : begin + self._dice.choice((4, 8, 64, 256))]
            return "bytes twice"
        if self._dice.random() < 0.2:  # noqa: PLR2004  seldom, for little is left then
            del stream[place:]
        return "cut"


class ArrowBodies:
    """The same as push bodies, each message with an id of its own, with and without the attribute that names the format."""

    def __init__(self, seed: int) -> None:
        """Prepare the payloads."""
        self._seed = seed
        self._payloads = ArrowPayloads(seed)

    def __iter__(self) -> Iterator[Body]:
        for number, body in zip(count(), self._payloads, strict=False):
            attributes = b'"attributes":{"content-type":"application/vnd.apache.arrow.stream"},' * (
                number % 2
            )
            content = (
                b'{"message":{%b"data":"%b","messageId":"%d-%d","publishTime":"2026-11-23T12:00:00Z"},"subscription":"s"}'
                % (attributes, base64.b64encode(body.content), self._seed, number)
            )
            yield Body(body.kind, content)


def message_ids(body: bytes) -> set[str] | None:
    """The id by which something of a pushed body must be found; None if it is no envelope."""
    try:
        return {wrapped(body).message_id}
    except InvalidEnvelopeError:
        return None


def _streams(seed: int) -> list[bytes]:
    """Whole streams: each of Arrow's forms of a text, one batch and many, compressed ones, and what is refused."""
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    fields = [ReadingFactory(seed).fields() for _ in range(_ROWS)]
    cells: dict[str, Any] = {name: [each.get(name) for each in fields] for name in default_compiled().names}
    plain = pa.table(cells)
    texts = [name for name in plain.column_names if pa.types.is_string(plain.schema.field(name).type)]
    forms = [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
    tables = [plain, *(_cast(plain, texts, form) for form in forms)]
    identified = plain.append_column("device_id", pa.array([f"é{nth}" for nth in range(_ROWS)]))
    times = pa.array([1_764_000_000_000_000, None] * (_ROWS // 2), pa.timestamp("us", "UTC"))
    tables += [identified.append_column("observed_at", times), plain.append_column("x", pa.nulls(_ROWS))]
    tables.append(plain.append_column("list", pa.array([[1], None] * (_ROWS // 2))))
    written = [_written(pa, table, rows) for table in tables for rows in (_ROWS, 5)]
    return [*written, *(_written(pa, plain, _ROWS, compression=codec) for codec in ("zstd", "lz4"))]


def _cast(table: Any, names: list[str], form: Any) -> Any:
    for name in names:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(form))
    return table


def _written(pa: Any, table: Any, rows: int, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue()
