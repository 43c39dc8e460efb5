"""StationOptions: the choices of a station's owner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

REMOTE: Final = "gs://"
"""The beginning of a model's address that is no path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOptions:
    """The options of `rookery up`; `data` is absolute."""

    data: Path
    host: str
    port: int
    worker_port: int
    model: str | None = None
    pull: bool = False
    ready_file: Path | None = None

    def arguments(self) -> list[str]:
        """The options of a service as they are written, the same in any working directory; a ready file is no part of one."""
        given = ["--data", str(self.data), "--host", self.host]
        given += ["--port", str(self.port), "--worker-port", str(self.worker_port)]
        given += ["--pull"] if self.pull else []
        if self.model is not None:
            remote = self.model.startswith(REMOTE)
            given += ["--model", self.model if remote else str(Path(self.model).absolute())]
        return given
