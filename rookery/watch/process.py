"""The page as a process of its own beside a run; it may outlive the run."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

from rookery.environment.process import RookeryProcess

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.environment.local import LocalEnvironment


def shown(stage: LocalEnvironment, root: Path, logs: Path) -> RookeryProcess:
    """Start the page over a stage's results and open it in the browser; the caller ends it. Raises UserError."""
    location = stage.location
    where = (
        str(root) if location.results.startswith("file:") else location.results.removesuffix("/predictions")
    )
    model = [] if stage.model is None else ["--model", str(stage.model)]
    arguments = [where, *model, "--worker", stage.worker, "--broker", stage.broker, "--port", "0"]
    page = RookeryProcess(
        "rookery.watch",
        logs,
        arguments=[*arguments, "--ready-file", str(logs / "watch.ready")],
        settings=location.settings,
    )
    page.start()
    try:
        webbrowser.open(page.address())
    except BaseException:
        page.stop()
        raise
    return page
