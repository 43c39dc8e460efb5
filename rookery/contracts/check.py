"""Check: how many rows of a table a contract refuses, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.feature import IDENTITY
from rookery.schemas.contract.reading_classes import needed
from rookery.training.tables.data import known_columns, place_of, refused_cells
from rookery.training.tables.values import known_word

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.source_table import SourceTable


@dataclass(frozen=True, slots=True)
class TableCheck:
    """Rows, how many of them are refused, each reason with its rows and the first line, and sentences about columns."""

    rows: int
    refused: int
    reasons: tuple[tuple[str, int, int], ...]
    notes: tuple[str, ...]


def check(table: SourceTable, contract: Contract) -> TableCheck:
    """Validate each row of a table; columns are found by the features' names and aliases."""
    columns = known_columns(table, contract)
    found = [
        *refused_cells(table, contract, columns),
        *_lacking(table, contract, columns),
        *_labels(table, contract),
    ]
    counts: Counter[str] = Counter()
    first: dict[str, int] = {}
    for line, said in sorted(found):
        # The value in parentheses differs from row to row.
        rule = said.rsplit(" (", 1)[0]
        counts[rule] += 1
        first.setdefault(rule, line)
    reasons = tuple((rule, count, first[rule]) for rule, count in counts.most_common())
    return TableCheck(
        len(table), len({line for line, _ in found}), reasons, tuple(_notes(table, contract, columns))
    )


def _lacking(
    table: SourceTable, contract: Contract, columns: dict[str, list[object]]
) -> list[tuple[int, str]]:
    """Rows without a feature that each reading needs, or without one of a group."""
    groups = [*contract.at_least_one_of, *((each.name,) for each in contract.features if each.required)]
    compiled = CompiledContract(contract)
    lacking = []
    for group in groups:
        own = [columns[name] for name in group if name in columns]
        said = needed(group)
        for row, line in enumerate(table.lines):
            absent = all(column[row] is None for column in own)
            # A required feature of a column is among the cells that are refused.
            if absent and not (len(group) == 1 and own and group[0] in compiled.required):
                lacking.append((line, said))
    return lacking


def _labels(table: SourceTable, contract: Contract) -> list[tuple[int, str]]:
    """Rows of a label that the contract does not have, where the table has a column of them."""
    place = place_of(table, [contract.target, *contract.target_aliases])
    if place is None:
        return []
    known = frozenset(contract.labels)
    said = f"{contract.target}: one of {', '.join(contract.labels)} is needed"
    return [
        (line, f'{said} ("{text}")')
        for line, cell in zip(table.lines, table.columns[place], strict=True)
        if (text := known_word(cell, known)) is not None and text not in known
    ]


def _notes(table: SourceTable, contract: Contract, columns: dict[str, list[object]]) -> list[str]:
    absent = [name for name in contract.names if name not in columns]
    places = {place_of(table, [each.name, *each.aliases]) for each in contract.features}
    places.add(place_of(table, [contract.target, *contract.target_aliases]))
    extra = [name for place, name in enumerate(table.names) if place not in places and name not in IDENTITY]
    notes = [f"the file has no column {name}: it counts as missing" for name in absent]
    return [*notes, *(f"column {name} is no feature of the contract and is not sent" for name in extra)]
