"""The summary of a load run in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rookery.schemas.output.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rookery.load.report.run_folder import RunFolder, RunRecord

_COUNTS: Final = {
    "mismatched": "wrong",
    "unexpected": "unexpected",
    "duplicates": "duplicated",
    "late": "late",
    "unconfirmed": "unconfirmed",
}
"""Labels of the ledger's counts, with the fields that hold them."""


def render(record: RunRecord, folder: RunFolder) -> RenderableType:
    """Draw the reconciliation, Locust's statistics, and the paths of the reports."""
    parts = (_reconciliation(record), _rows(record), _examples(record), _files(folder))
    return Group("", *(Padding(part, (0, 0, 1, 2)) for part in parts if part is not None))


def _reconciliation(record: RunRecord) -> RenderableType:
    books = record.books
    verdict = "Reconciliation passed" if books.closed else "Reconciliation failed"
    style = "bold green" if books.closed else "bold red"
    sums = f"{books.published:,} published = {books.predicted:,} predicted + {books.rejected:,} rejected + {books.lost:,} lost"
    lines = Table.grid(padding=(0, 3, 0, 0))
    for label, field in _COUNTS.items():
        lines.add_row(Text(label, style="dim"), f"{getattr(books, field):,}")
    took = f"{record.shape} at the {record.target}: {record.seconds:.0f} s, and {record.settled_s:.0f} s to settle"
    return Group(Text.assemble((verdict, style), f": {sums}."), Text(took, style="dim"), lines)


def _rows(record: RunRecord) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("", "requests", "failed", "mean ms", "longest ms"):
        table.add_column(name, justify="left" if not name else "right")
    for row in record.rows:
        count = row["num_requests"]
        mean = row["total_response_time"] / count if count else 0
        table.add_row(
            row["name"],
            f"{count:,}",
            f"{row['num_failures']:,}",
            f"{mean:,.0f}",
            f"{row['max_response_time']:,.0f}",
        )
    return table


def _examples(record: RunRecord) -> RenderableType | None:
    found = [f"{name}: {each}" for name, named in record.books.examples.items() for each in named[:5]]
    found += record.complaints[:5]
    return Text("\n".join(map(printable, found)), style="red") if found else None


def _files(folder: RunFolder) -> RenderableType:
    return Text(f"{folder.page}\n{folder.locust}", style="dim")
