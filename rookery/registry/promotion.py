"""Promotion: push a model to a registry, and roll back to the former one.

The history is a stack of former models, `000001-<digest>.ubj` the oldest: a push adds the live one on top, a
rollback removes the top one again. The model that a rollback replaces is kept as `withdrawn-<digest>.ubj`, so
that no later rollback returns to it (docs/decisions/0010-model-history.md).
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
    """The former and the live model at an address, by digest."""

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
    """The digest of an artifact, as predictions name it."""
    return hashlib.sha256(artifact).hexdigest()[:12]


def formers(registry: ModelRegistry) -> list[FormerModel]:
    """List the former models, oldest first."""
    found = [_FORMER.fullmatch(name) for name in registry.names()]
    return [FormerModel(int(each[1]), each[2]) for each in found if each]


def push(registry: ModelRegistry, artifact: bytes) -> Promotion:
    """Make a good artifact the live one; raises UserError where it is refused or another writer pushes meanwhile."""
    validate(artifact, "the pushed model")
    live = registry.live()
    if live is not None and live.artifact == artifact:
        return Promotion(before=digest(artifact), now=digest(artifact))
    with _no_conflict(registry):
        if live is not None:
            _keep(registry, live)
        registry.replace(artifact, before=live)
    return Promotion(before=digest(live.artifact) if live else None, now=digest(artifact))


def rollback(registry: ModelRegistry) -> Promotion:
    """Make the newest former model the live one again; raises UserError where there is none, or it is refused."""
    live = registry.live()
    behind = formers(registry)
    # After an interrupted push or rollback, the live model is on top of its own history.
    while live is not None and behind and behind[-1].digest == digest(live.artifact):
        registry.remove(behind.pop().name)
    if not behind:
        raise UserError(
            f"{registry.address} has no former model.", hint="Only `rookery model push` keeps them."
        )
    artifact = registry.read(behind[-1].name)
    validate(artifact, f"the former model {behind[-1].name}")
    with _no_conflict(registry):
        if live is not None:
            with contextlib.suppress(ConflictError):
                registry.add(f"withdrawn-{digest(live.artifact)}.ubj", live.artifact)
        registry.replace(artifact, before=live)
    registry.remove(behind[-1].name)
    return Promotion(before=digest(live.artifact) if live else None, now=digest(artifact))


def validate(artifact: bytes, what: str) -> None:
    """Validate an artifact as a worker would; raises UserError with every reason."""
    try:
        load(artifact)
    except ModelRefusedError as error:
        raise UserError(
            f"No worker would load {what}: {'; '.join(error.reasons)}.",
            hint="Nothing was changed.",
            code=EXIT_FAILED,
        ) from None


def _keep(registry: ModelRegistry, live: RegistryEntry) -> None:
    """Add the live model to the history, unless an interrupted push already did."""
    behind = formers(registry)
    if behind and behind[-1].digest == digest(live.artifact):
        return
    number = behind[-1].number + 1 if behind else 1
    registry.add(FormerModel(number, digest(live.artifact)).name, live.artifact)


@contextlib.contextmanager
def _no_conflict(registry: ModelRegistry) -> Iterator[None]:
    try:
        yield
    except ConflictError:
        raise UserError(
            f"Another writer changed {registry.address} meanwhile; nothing was overwritten.",
            hint="`rookery model show` prints the live model.",
        ) from None
