"""ExportedResults: the predictions of a run as `rookery results export` writes them, each reading once."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rookery.load.child_process import ProcessFailedError, module_command

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.load.accounting.ledger import Account


@dataclass(frozen=True, slots=True)
class ExportedResults:
    """Rows of the export, and how many of them repeat a reading."""

    rows: int
    repeated: int

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Export the predictions below a run's folder and count them; raises ProcessFailedError."""
        out = folder / "export.csv"
        asked = module_command("rookery", "results", "export", str(folder / "predictions"), "--out", str(out))
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  a command of ours
        if done.returncode:
            raise ProcessFailedError(f"rookery results export ended with {done.returncode}: {done.stderr}")
        with out.open(newline="", encoding="utf-8") as lines:
            ids = [row["reading_id"] for row in csv.DictReader(lines)]
        return cls(len(ids), len(ids) - len({*ids}))

    def agrees(self, account: Account) -> bool:
        """Whether every predicted reading is a row of its own, and there is no other row."""
        return not self.repeated and self.rows == account.predicted
