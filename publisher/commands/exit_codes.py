"""Exit codes: how publishing went, for scripts; one rule for every command, a run and a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.publisher.files.bulk import PublishSummary

ALL: Final = 0
SOME: Final = 1
NONE: Final = 2
INTERRUPTED: Final = 130


def exit_code(*, sent: int, missing: int) -> int:
    """Nothing sent is never a success; nor is a row that was not sent and is kept nowhere."""
    if not sent:
        return NONE
    return SOME if missing else ALL


def code_of(summary: PublishSummary, *, kept: bool = False, sent_before: int = 0) -> int:
    """Decide for a run. `kept`: its bad rows stand in a file; `sent_before`: rows that an earlier run has sent."""
    if summary.interrupted:
        return INTERRUPTED
    if summary.failed and not summary.hopeless:
        # Refused for their own sake: others may pass.
        return SOME
    return exit_code(
        sent=summary.rows + sent_before, missing=summary.failed + (0 if kept else summary.bad_rows)
    )


def code_of_all(codes: Sequence[int]) -> int:
    """Decide for several files: a file of which nothing was sent costs the 0 of the others."""
    if INTERRUPTED in codes:
        return INTERRUPTED
    return codes[0] if len(set(codes)) == 1 else SOME
