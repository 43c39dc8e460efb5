"""Models to swap: another artifact with the same answers, and one that is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xgboost

from rookery.load.chaos.plan import SHIPPED_MODEL
from rookery.schemas.artifact import seal, unseal
from rookery.schemas.atomic_file import write_atomically

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random


class ModelFile:
    """The file that the workers take their model from; whatever is put there, it arrives whole."""

    def __init__(self, path: Path, model: Path = SHIPPED_MODEL) -> None:
        self.path = path
        self._good = [model.read_bytes(), _relabelled(model.read_bytes())]
        self._put(self._good[0])

    def swap(self) -> None:
        """Put the other good model there: another digest, the same trees."""
        self._good.reverse()
        self._put(self._good[0])

    def corrupt(self, dice: Random) -> None:
        """Put one there that was cut short or has a flipped bit."""
        broken = bytearray(self._good[0])
        where = dice.randrange(len(broken))
        if dice.random() < 0.5:  # noqa: PLR2004  one way or the other
            del broken[where:]
        else:
            broken[where] ^= 1 << dice.randrange(8)
        self._put(bytes(broken))

    def _put(self, artifact: bytes) -> None:
        write_atomically(self.path, artifact, sync=False)


def _relabelled(artifact: bytes) -> bytes:
    booster = xgboost.Booster()
    booster.load_model(bytearray(unseal(artifact)))
    booster.set_attr(swapped="1")
    return seal(bytes(booster.save_raw("ubj")))
