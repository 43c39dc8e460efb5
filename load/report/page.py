"""The report of one run: a page that is whole in itself, light or dark as its reader likes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from rookery.load.report.plots import THEMED, as_svg, plots
from rookery.load.report.run_folder import read
from rookery.load.report.summary import ceiling, headline, percentiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rookery.load.report.run_folder import LedgerTotals, LoadRun, RunFolder, RunRecord

_STYLE: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #24292f; --soft: #57606a; --faint: #d0d7de;
  --first: #0969da; --second: #bc4c00; --third: #1a7f37; --good: #1a7f37; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1;
  --faint: #30363d; --first: #58a6ff; --second: #f0883e; --third: #3fb950; --good: #3fb950; --bad: #f85149; } }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
.verdict { font-size: 1.15rem; margin: .3rem 0 0; } .good { color: var(--good); } .bad { color: var(--bad); }
.soft { color: var(--soft); } .figures { display: flex; flex-wrap: wrap; gap: 1rem 2.4rem; margin: 1.4rem 0; }
.figures b { display: block; font-size: 1.5rem; font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1.2rem 2rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid var(--faint); }
th:first-child, td.words { text-align: left; } th { font-weight: 500; color: var(--soft); }
code { font-size: .9em; overflow-wrap: anywhere; } a { color: var(--first); }
"""

_FILES: Final = (
    '<p class="soft">The raw data beside this page: <a href="run.json">run.json</a>, '
    '<a href="beats.ndjson">beats.ndjson</a>, <a href="samples.ndjson">samples.ndjson</a>, '
    '<a href="published.tsv">published.tsv</a>; Locust\'s own report: <a href="locust.html">locust.html</a>.</p>'
)

_MEANINGS: Final = {
    "lost": "published, and neither predicted nor rejected",
    "wrong": "another answer than the same model gives directly, or two answers",
    "unexpected": "found, though this run never published it",
    "duplicated": "written more than once with one answer; a reader returns it once",
    "late": "durable later than {late:g} s after its publication",
    "unconfirmed": "sent, but the request was not answered; {arrived:,} arrived and are accounted for",
}


def write_page(folder: RunFolder) -> None:
    """Write the report into the run's folder; raises OSError and ValueError."""
    folder.page.write_text(page(read(folder)), encoding="utf-8")


def page(run: LoadRun) -> str:
    """The report as HTML."""
    record = run.record
    title = f"{record.shape} at the {record.target}"
    parts = (
        f"<h1>{escape(title)}</h1>",
        _verdict(record.books),
        f'<p class="soft">{escape(record.began)}, {record.seconds:.0f} s of load, {record.settled_s:.1f} s to settle</p>',
        _figures(run),
        f'<div class="plots">{"".join(_plots(run))}</div>',
        "<h2>Every reading</h2>",
        _account(record),
        "<h2>Requests</h2>",
        _rows(record),
        "<h2>The swarm itself</h2>",
        f"<p>{escape(ceiling(run))}</p>",
        _complaints(record),
        "<h2>Where these figures come from</h2>",
        _provenance(record),
        _FILES,
    )
    return framed(title, parts)


def framed(title: str, parts: Iterable[str]) -> str:
    """A whole page around its parts, light or dark."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # A page without an icon makes browsers ask for one, and complain.
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _verdict(books: LedgerTotals) -> str:
    words = "Reconciliation passed" if books.closed else "Reconciliation failed"
    sums = f"{books.published:,} published = {books.predicted:,} predicted + {books.rejected:,} rejected + {books.lost:,} lost"
    return f'<p class="verdict"><b class="{"good" if books.closed else "bad"}">{words}</b>: {sums}.</p>'


def _figures(run: LoadRun) -> str:
    found = (f"<div><b>{escape(value)}</b>{escape(name)}</div>" for name, value in headline(run))
    return f'<div class="figures">{"".join(found)}</div>'


def _plots(run: LoadRun) -> Iterable[str]:
    for title, figure in plots(run, THEMED).items():
        yield f"<figure><figcaption>{escape(title)}</figcaption>{as_svg(figure)}</figure>"


def _account(record: RunRecord) -> str:
    books = record.books
    rows = [
        [
            name,
            f"{getattr(books, name):,}",
            words.format(late=record.late_after_s, arrived=books.unconfirmed_arrived),
        ]
        for name, words in _MEANINGS.items()
    ]
    named = [[name, "; ".join(each), ""] for name, each in books.examples.items()]
    return table_of(["", "readings", ""], [*rows, *named])


def _rows(record: RunRecord) -> str:
    rows = [
        [row["name"], f"{row['num_requests']:,}", f"{row['num_failures']:,}", *_times(row)]
        for row in record.rows
    ]
    return table_of(["", "requests", "failed", "p50 ms", "p99 ms", "longest ms"], rows)


def _times(row: object) -> list[str]:
    half, most, longest = percentiles(row)
    return [f"{half:,.0f}", f"{most:,.0f}", f"{longest:,.0f}"]


def _complaints(record: RunRecord) -> str:
    if not record.complaints:
        return "<p>Locust logged no warning and no error.</p>"
    return f"<p>Locust logged:</p><pre>{escape(chr(10).join(record.complaints[:20]))}</pre>"


def _provenance(record: RunRecord) -> str:
    where = record.provenance
    versions = ", ".join(f"{name} {each}" for name, each in where["versions"].items())
    rows = [
        ["commit", where["commit"]],
        ["command", where["command"]],
        [
            "machine",
            f"{where['processor']}, {where['cores']} cores, {where['memory_gb']} GB, {where['system']}",
        ],
        ["load average when it began", f"{where['load']} on {where['cores']} cores"],
        ["versions", f"Python {where['python']}, {versions}"],
        *([name, value] for name, value in sorted(record.swarm_settings.items()) if "/" not in value),
    ]
    return table_of(["", ""], rows)


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; numbers stand to the right."""
    titles = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: str) -> str:
    number = cell.replace(",", "").replace(".", "").isdecimal()
    return f"<td>{cell}</td>" if number else f'<td class="words">{escape(cell)}</td>'
