"""Sums: rows that say something of the rows above them, a total or a mean, and are no readings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rookery.publisher.files.columns.names import words

_WORDS: Final = (
    "total|totals|grand total|subtotal|sub total|sum|sums|mean|means|average|averages|avg|median|std dev|stdev"
    "|standard deviation|overall|mean sd|summe|gesamt|gesamtsumme|mittel|mittelwert|durchschnitt|somme|moyenne|moy"
    "|suma|totales|promedio|totale|somma|soma|totaal|gemiddelde|summa|medel|medelv\u00e4rde|razem|\u015brednia"
    "|celkem|pr\u016fm\u011br|\u0438\u0442\u043e\u0433\u043e|\u0432\u0441\u0435\u0433\u043e|\u0441\u0440\u0435\u0434\u043d\u0435\u0435"
    "|\u5408\u8a08|\u5408\u8ba1|\u603b\u8ba1|\u5c0f\u8ba1|\u5e73\u5747|\u5e73\u5747\u503c"
)
_CERTAIN: Final = frozenset(map(words, _WORDS.split("|")))

_LIKELY: Final = frozenset(
    {"min", "max", "minimum", "maximum", "count", "n", "sd", "std", "se", "sem", "var", "variance", "range"}
    | {"25", "50", "75", "media", "q1", "q3", "rows", "all"}
)
"""Words that a name may be as well: they count in a column of labels or of names of rows."""

_SINGLE: Final = frozenset(word for word in _CERTAIN if " " not in word)


@dataclass(frozen=True, slots=True)
class SumWords:
    """The words by which a cell of one column says that its row sums up others.

    `known` are values that the column's cells may have, which are never such a word; `of_labels` says that its cells are labels or
    names of rows, where more words count, also with others beside them: `NAME total`.
    """

    known: frozenset[str] = field(default_factory=frozenset)
    of_labels: bool = False

    def says(self, cell: str) -> bool:
        """Whether a cell says so."""
        said = words(cell)
        if cell.strip() in self.known:
            return False
        if said in _CERTAIN or not self.of_labels:
            return said in _CERTAIN
        spoken = said.split()
        if not _SINGLE.isdisjoint({*spoken[:1], *spoken[-1:]}) or (spoken[:1] == ["all"]):
            return True
        return said in _LIKELY and not cell.strip().isdigit()
