"""Figures that a page states in a sentence, kept equal to those of the benchmark."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report.figures import Figures
from benchmarks.report.promise import DURABLE, ORIGINAL, PLAIN, promises
from benchmarks.report.spread import ratio, shown
from benchmarks.sections import tables
from benchmarks.servers.table_bodies import ARROW, JSON
from benchmarks.servers.worker import FAST

if TYPE_CHECKING:
    from collections.abc import Mapping

_SENTENCE: Final = re.compile(r"answers [\d,]+ single readings or [\d,]+ rows")


_PARAGRAPH: Final = re.compile(r"^At 64 connections a reading .*?(?=\n\n)", re.MULTILINE | re.DOTALL)
_WIDTH: Final = 125


def summarized(text: str, figures: Mapping[str, Any]) -> str:
    """Write the README's paragraph anew; the text as it is where one of its figures was not measured."""
    try:
        said = _summary(figures)
    except KeyError:
        return text
    paragraph = textwrap.fill(said, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return _PARAGRAPH.sub(lambda _: paragraph, text)


def _summary(figures: Mapping[str, Any]) -> str:
    singles, large = Figures(figures["singles"]), Figures(figures["tables"])
    own = singles.by_round(FAST.name, "cpu_us", connections=64)

    def against(peer: str) -> str:
        return shown(ratio(own, singles.by_round(peer, "cpu_us", connections=64)).median)

    def of_raw(form: str) -> str:
        where: dict[str, float | str] = {"model": "reference", "rows": tables.ROWS}
        rates = (large.by_round(who, "rows_per_second", **where) for who in (tables.way(form), tables.RAW))
        return shown(ratio(*rates).median)

    durable, plain = (singles.best(family, "cpu_us", connections=64) for family in (DURABLE, PLAIN))
    cost = singles.spread(FAST.name, "cpu_us", connections=64).median
    failed = sum(each.held is False for each in promises(figures))
    bounds = f"{failed} bounds do not hold" if failed else "Every measured bound holds"
    origin = figures["singles"]["provenance"]
    return (
        f"At 64 connections a reading that is verified, validated and synced to disk costs {cost:.0f} us of CPU: "
        f"{against(ORIGINAL)} times the original design's, {against(durable)} times that of a mosec that syncs its answers, too, "
        f"{against(plain)} times that of one that does not. Tables of 1,000 rows reach {of_raw(JSON)} (JSON) and {of_raw(ARROW)} (Arrow) "
        f"of what XGBoost alone would. [{bounds}](docs/explanation/comparison.md): Rookery, mosec, Beam, BentoML, LitServe, MLServer "
        f"and FastAPI in one interleaved run (`{origin['command']}`, {origin['date'][:10]}, commit {origin['commit'][:7]}, "
        f"{origin['cores']} cores of {origin['processor']}, Python {origin['python']})."
    )


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
