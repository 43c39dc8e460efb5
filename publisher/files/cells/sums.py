"""Sums: rows that say something of the rows above them, a total or a mean, and are no readings."""

from __future__ import annotations

from typing import Final

from rookery.publisher.files.columns.names import words

_CERTAIN: Final = frozenset(
    {
        *(
            "total",
            "totals",
            "grand total",
            "subtotal",
            "sub total",
            "sum",
            "sums",
            "mean",
            "means",
            "average",
        ),
        *("averages", "avg", "median", "std dev", "stdev", "standard deviation", "overall", "mean sd"),
        *("summe", "gesamt", "mittelwert", "durchschnitt", "moyenne", "somme", "promedio", "suma", "totale"),
    }
)
_LIKELY: Final = frozenset(
    {"min", "max", "minimum", "maximum", "count", "n", "sd", "std", "se", "sem", "var", "variance", "range"}
    | {"25", "50", "75", "media", "q1", "q3", "rows", "all"}
)
"""Words that a name may be as well: they count in a column of labels or of names of rows."""


def sums_up(cell: str, *, of_labels: bool) -> bool:
    """Whether a cell says that its row sums up others; `of_labels` where it stands in a column of labels, or of rows' names."""
    said = words(cell)
    return said in _CERTAIN or (of_labels and said in _LIKELY and not cell.strip().isdigit())
