"""ChaosPlan: the length and rate of the load, its faults, and the seed of all random choices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Final, Literal

from rookery.data import SHIPPED
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.source import contract_of

SHIPPED_MODEL: Final = Path(str(files("rookery.worker"))) / "shipped" / f"{SHIPPED}.ubj"


@dataclass(frozen=True, kw_only=True)
class ChaosPlan:
    """One run: the same plan throws the same dice; what the scheduler makes of them differs."""

    seed: int
    seconds: float
    folder: Path
    sink: Literal["folder", "store"] = "folder"
    model: Path = SHIPPED_MODEL
    pull: bool = False
    """Whether the workers pull in place of being pushed to."""
    workers: int = 2
    publishers: int = 3
    messages_per_second: float = 120.0
    """Of all publishers together; about 13 readings each."""
    kills: int = 30
    """Workers killed in a run that is long enough; restarts take their time."""
    least_kills: int = 0
    """On a busy machine the load continues until so many were killed, for several times its length at most."""
    settles_within_s: float = 120.0
    """Seconds after the load within which reconciliation has to pass."""

    @cached_property
    def contract(self) -> CompiledContract:
        """The contract of the model."""
        return CompiledContract(contract_of(self.model))

    @property
    def cycle_s(self) -> float:
        """From one kill to the next."""
        return max(2.5, self.seconds / self.kills)

    @property
    def fault(self) -> Path:
        """The file that says how the workers' disk fails."""
        return self.folder / "fault"

    def dice(self, name: str) -> Random:
        """The random stream of one part."""
        return Random(f"{self.seed}/{name}")  # noqa: S311  faults need repeatability, not secrecy
