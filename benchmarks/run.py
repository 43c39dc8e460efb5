"""BenchmarkRun: what one run of the benchmark is given, and what each section of it gives back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.progress import say
from benchmarks.servers.generated_model import LARGE, generated_model
from benchmarks.servers.reference_answers import ReferenceAnswers
from rookery.load.report.provenance import provenance

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.servers.authority import Authority


@dataclass(frozen=True, kw_only=True)
class BenchmarkRun:
    """`folder` is scratch on a real disk; `rounds` of `seconds` each are interleaved; a quick run leaves parts out.

    Everybody answers with the model of `reference`, and where it is said with the one that is `shipped`, or a large one.
    """

    folder: Path
    reference: ReferenceAnswers
    shipped: ReferenceAnswers
    authority: Authority
    quick: bool
    rounds: int
    seconds: int

    @cached_property
    def large(self) -> ReferenceAnswers:
        """A model as large as users bring."""
        return ReferenceAnswers(self.folder, generated_model(LARGE))

    def models(self) -> dict[str, ReferenceAnswers]:
        """The models that are compared, by name."""
        return {"shipped": self.shipped, "reference": self.reference, "large": self.large}


@dataclass(slots=True)
class Section:
    """One section's raw records, flat and by round, who was absent and why, and where it was measured."""

    provenance: dict[str, Any] = field(default_factory=lambda: asdict(provenance()))
    records: list[dict[str, Any]] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, round_: int, who: str, **figures: float | str) -> None:
        """Keep what one contender did in one round."""
        self.records.append({"round": round_, "who": who, **figures})

    def leave_out(self, who: str, why: object) -> None:
        """Record why a server is left out, and print it at once."""
        self.absent[who] = str(why)
        say(f"  {who} is left out: {why}")
