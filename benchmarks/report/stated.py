"""Figures that a page states in a sentence, kept equal to those of the benchmark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report.figures import Figures
from benchmarks.report.spread import shown
from benchmarks.sections import tables
from benchmarks.servers.table_bodies import JSON
from benchmarks.servers.worker import FAST

if TYPE_CHECKING:
    from collections.abc import Mapping

_SENTENCE: Final = re.compile(r"answers [\d,]+ single readings or [\d,]+ rows")


def restated(text: str, figures: Mapping[str, Any]) -> str:
    """Write the rates of one worker into a page's sentence; the page as it is where they were not measured."""
    try:
        single = Figures(figures["singles"]).spread(FAST.name, "per_second", connections=64)
        rows = Figures(figures["tables"]).spread(
            tables.way(JSON), "rows_per_second", model="reference", rows=tables.ROWS
        )
    except KeyError:
        return text
    said = f"answers {shown(single.median)} single readings or {shown(rows.median)} rows"
    return _SENTENCE.sub(said, text)
