"""PredictionColumns: the predictions of a table in the model's own arrays, of which columns are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from rookery.schemas.contract.reading_classes import AnyTable
    from rookery.worker.decoding.table import DecodedColumns
    from rookery.worker.encoding.answer_texts import TablePredictions
    from rookery.worker.encoding.table_lines import Message

DIGITS: Final = 6
"""Digits of a probability; a float32 holds about seven."""

SHARED: Final = ("message_id", "model")
"""Columns that are one word in all rows of a message, written as a dictionary."""


class PredictionColumns(Struct, frozen=True):
    """The answers to n readings of one message: `rows` (n,) their positions in it; rows of `featured` repeat their features."""

    readings: AnyTable | DecodedColumns
    rows: NDArray[np.intp]
    said: TablePredictions
    message: Message
    published_at: datetime | None
    predicted_at: datetime
    featured: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def with_features(self, rows: set[int]) -> PredictionColumns:
        """The same where some rows repeat their features."""
        return replace(self, featured=frozenset(rows))
