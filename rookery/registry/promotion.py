"""Succession: one model after the other on a shelf, and the way back.

The history is a stack of former models, `000001-<digest>.ubj` the oldest: a push lays the live one on top, a
rollback takes the top one down again. What was rolled back from is kept aside as `withdrawn-<digest>.ubj`, so
that no later rollback leads to it (docs/decisions/0010-model-history.md).
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.errors import EXIT_FAILED, UserError
from rookery.registry.registry import ConflictError
from rookery.worker.models.loader import ModelRefusedError, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.registry.registry import ModelRegistry, RegistryEntry

_FORMER: Final = re.compile(r"([0-9]{6})-([0-9a-f]{12})\.ubj")


@dataclass(frozen=True, slots=True)
class Promotion:
    """What stood at the address before and what stands there now, by digest."""

    before: str | None
    now: str


@dataclass(frozen=True, slots=True)
class FormerModel:
    """A former model: its place in the history, and its digest."""

    number: int
    digest: str

    @property
    def name(self) -> str:
        """Its name in the history."""
        return f"{self.number:06d}-{self.digest}.ubj"


def digest(artifact: bytes) -> str:
    """Name an artifact as predictions do."""
    return hashlib.sha256(artifact).hexdigest()[:12]


def formers(shelf: ModelRegistry) -> list[FormerModel]:
    """List the former models, oldest first."""
    found = [_FORMER.fullmatch(name) for name in shelf.names()]
    return [FormerModel(int(each[1]), each[2]) for each in found if each]


def push(shelf: ModelRegistry, artifact: bytes) -> Promotion:
    """Make a good artifact the live one; raises UserError where it is refused or somebody else pushes meanwhile."""
    prove(artifact, "what is pushed")
    live = shelf.live()
    if live is not None and live.artifact == artifact:
        return Promotion(before=digest(artifact), now=digest(artifact))
    with _alone(shelf):
        if live is not None:
            _keep(shelf, live)
        shelf.replace(artifact, before=live)
    return Promotion(before=digest(live.artifact) if live else None, now=digest(artifact))


def rollback(shelf: ModelRegistry) -> Promotion:
    """Make the newest former model the live one again; raises UserError where there is none, or it is no good."""
    live = shelf.live()
    behind = formers(shelf)
    # Where a push or a rollback broke off half way, the live one is on top of its own history.
    while live is not None and behind and behind[-1].digest == digest(live.artifact):
        shelf.remove(behind.pop().name)
    if not behind:
        raise UserError(f"{shelf.address} has no former model.", hint="Only `rookery model push` keeps them.")
    artifact = shelf.read(behind[-1].name)
    prove(artifact, f"the former model {behind[-1].name}")
    with _alone(shelf):
        if live is not None:
            with contextlib.suppress(ConflictError):
                shelf.add(f"withdrawn-{digest(live.artifact)}.ubj", live.artifact)
        shelf.replace(artifact, before=live)
    shelf.remove(behind[-1].name)
    return Promotion(before=digest(live.artifact) if live else None, now=digest(artifact))


def prove(artifact: bytes, what: str) -> None:
    """Hold an artifact against all that a worker would; raises UserError with every reason."""
    try:
        load(artifact)
    except ModelRefusedError as error:
        raise UserError(
            f"No worker would take {what}: {'; '.join(error.reasons)}.",
            hint="Nothing was changed.",
            code=EXIT_FAILED,
        ) from None


def _keep(shelf: ModelRegistry, live: RegistryEntry) -> None:
    """Lay the live model on top of the history, unless a push that broke off did so already."""
    behind = formers(shelf)
    if behind and behind[-1].digest == digest(live.artifact):
        return
    number = behind[-1].number + 1 if behind else 1
    shelf.add(FormerModel(number, digest(live.artifact)).name, live.artifact)


@contextlib.contextmanager
def _alone(shelf: ModelRegistry) -> Iterator[None]:
    try:
        yield
    except ConflictError:
        raise UserError(
            f"Somebody else changed {shelf.address} in this moment; nothing was overwritten.",
            hint="`rookery model show` says what stands there now.",
        ) from None
