"""Echo: some predictions of each batch repeat the reading that they answer, for pages and statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from schemas.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.isolation import Isolated
    from worker.rendering import Lines
    from worker.work import Work


def echo(works: Sequence[Work], lines: Sequence[Lines], isolated: Isolated, *, most: int) -> None:
    """Add `features` to the first `most` predictions of a batch, in place."""
    first = 0
    for work, answered in zip(works, lines, strict=True):
        if most <= 0:
            return
        chosen = _answered(work, first, isolated)[:most]
        echoed = [
            _with(answered.predictions[place], _features(work, nth)) for place, nth in enumerate(chosen)
        ]
        answered.predictions = [*echoed, *answered.predictions[len(echoed) :]]
        most -= len(echoed)
        first += work.usable


def _answered(work: Work, first: int, isolated: Isolated) -> Sequence[int]:
    """The readings of a work that have a prediction, in its order: those that the model failed on have none."""
    if not isolated.guilty:
        return range(work.usable)
    return [nth for nth in range(work.usable) if first + nth not in isolated.guilty]


def _with(line: bytes, features: dict[str, object]) -> bytes:
    return line[:-2] + b',"features":' + orjson.dumps(features) + b"}\n"


def _features(work: Work, nth: int) -> dict[str, object]:
    readings = work.readings
    if isinstance(readings, dict):
        return {name: readings.get(name) for name in FEATURES}
    columns = {name: getattr(readings, name) for name in FEATURES}
    return {name: column[nth] if column is not None else None for name, column in columns.items()}
