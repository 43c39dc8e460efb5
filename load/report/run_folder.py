"""RunRecord: one run of a shape, as its folder keeps it; everything that a report is written from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rookery.load.renamed import FIELDS, renamed
from rookery.load.report.sample import samples
from rookery.load.swarm.per_second_stats import beats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rookery.load.accounting.ledger import Account
    from rookery.load.report.sample import Sample
    from rookery.load.swarm.per_second_stats import SecondStats

SHOWN: Final = 20
"""Identities that a record names of each kind of failure; the published log and the results hold all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTotals:
    """The reconciled account in numbers, with the first identities of each failure as `examples`.

    `unconfirmed` readings were sent without an answer; those of them that arrived are among the published.
    """

    closed: bool
    published: int
    predicted: int
    rejected: int
    lost: int
    wrong: int
    unexpected: int
    duplicated: int
    late: int
    unconfirmed: int
    unconfirmed_arrived: int
    examples: Mapping[str, Sequence[str]]


def books(account: Account, *, unconfirmed: int, arrived: int) -> LedgerTotals:
    """Write an account down in numbers."""
    named = {
        "lost": account.lost,
        "wrong": [f"{each.reading_id}: {each.found} for {each.expected}" for each in account.wrong],
        "unexpected": account.unexpected,
        "late": account.late,
    }
    return LedgerTotals(
        closed=account.closed,
        published=account.published,
        predicted=account.predicted,
        rejected=account.rejected,
        lost=len(account.lost),
        wrong=len(account.wrong),
        unexpected=len(account.unexpected),
        duplicated=len(account.duplicated),
        late=len(account.late),
        unconfirmed=unconfirmed,
        unconfirmed_arrived=arrived,
        examples={name: list(found[:SHOWN]) for name, found in named.items() if found},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The content of run.json. `complaints` are warnings and errors that Locust logged; `rows` Locust's statistics."""

    shape: str
    target: str
    began: str
    seconds: float
    settled_s: float
    late_after_s: float
    books: LedgerTotals
    labels: Mapping[str, int]
    rows: Sequence[Mapping[str, Any]]
    complaints: Sequence[str]
    provenance: Mapping[str, Any]
    swarm_settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run."""

    root: Path

    @property
    def record(self) -> Path:
        """Everything that is one number."""
        return self.root / "run.json"

    @property
    def beats(self) -> Path:
        """The swarm, second by second."""
        return self.root / "beats.ndjson"

    @property
    def samples(self) -> Path:
        """Worker and broker, second by second."""
        return self.root / "samples.ndjson"

    @property
    def published_log(self) -> Path:
        """Every reading that was published."""
        return self.root / "published.tsv"

    @property
    def readings(self) -> Path:
        """The readings, with their expected answers."""
        return self.root / "readings.json"

    @property
    def page(self) -> Path:
        """Our report."""
        return self.root / "report.html"

    @property
    def locust(self) -> Path:
        """Locust's report."""
        return self.root / "locust.html"

    def write(self, record: RunRecord) -> None:
        """Keep a record; raises OSError."""
        self.record.write_text(json.dumps(asdict(record), indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One run as it is read back: the record, the beats and the samples."""

    record: RunRecord
    beats: Sequence[SecondStats]
    samples: Sequence[Sample]


def read(folder: RunFolder) -> LoadRun:
    """Read a run; raises OSError and ValueError."""
    raw = json.loads(folder.record.read_text())
    totals = LedgerTotals(**renamed(raw["books"], FIELDS))
    record = RunRecord(**{**renamed(raw, FIELDS), "books": totals})
    return LoadRun(record, beats(folder.beats), samples(folder.samples))
