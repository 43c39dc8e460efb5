"""ReadingTable: many readings by the default contract in one message, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.contract.reading_classes import MAX_ROWS, AnyTable

if TYPE_CHECKING:
    ReadingTable: TypeAlias = AnyTable
else:
    ReadingTable = default_compiled().table

__all__ = ["MAX_ROWS", "AnyTable", "ReadingTable"]
