"""ReferenceAnswers: the booster itself, with the readings and the classes that every server's answers are held against."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import CARD_ATTRIBUTE, read_card, unseal
from rookery.schemas.codec import SCHEMA_ATTRIBUTE, SCHEMA_VERSION, encode
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.default import default_contract
from rookery.schemas.testing import ReadingFactory, card_likeness
from rookery.worker.settings import SHIPPED_MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from xgboost import Booster

    from rookery.schemas.artifact import ModelCard
    from rookery.schemas.contract.reading_classes import AnyReading

SHIPPED: Final = SHIPPED_MODEL
CHECKED: Final = 400
"""Answers that are checked of every server before any timing."""

MARK: Final = "@" * 16
"""Where a message's number goes."""

_SEED: Final = 6
_SUBSCRIPTION: Final = "projects/bench/subscriptions/push"


class ReferenceAnswers:
    """Seeded readings and the booster's own answers.

    `artifact` is the model that the worker loads, `model` the raw UBJ of the same for its peers, `contract` the model's own.
    """

    def __init__(self, folder: Path, artifact: Path = SHIPPED) -> None:
        """Write the raw booster to a folder."""
        self.artifact = artifact
        self.model = folder / f"raw-{artifact.name}"
        self.model.write_bytes(unseal(artifact.read_bytes()))

    @cached_property
    def _booster(self) -> Booster:
        import xgboost  # noqa: PLC0415  a second of import that only a run needs

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(self.model.read_bytes()))
        return booster

    @cached_property
    def _card(self) -> ModelCard:
        return read_card(self._booster.attr(CARD_ATTRIBUTE) or "")

    @cached_property
    def contract(self) -> CompiledContract:
        """The model's contract."""
        return CompiledContract(self._card.contract)

    @property
    def generated_features(self) -> int:
        """How many features a generated model has; 0 for a model of the shipped data set."""
        return 0 if self.contract.contract == default_contract() else len(self.contract.names)

    def factory(self, seed: int) -> ReadingFactory:
        """Readings as the model knows them."""
        return ReadingFactory(seed, self.contract, likeness=card_likeness(self._card))

    @cached_property
    def readings(self) -> list[AnyReading]:
        """The readings that are checked, and then sent over and over under new message ids."""
        return self.factory(_SEED).readings(CHECKED)

    def tables(self, rows: int, *, count: int, seed: int = 60) -> list[bytes]:
        """Wrap seeded tables of so many rows as Pub/Sub pushes them."""
        return [push(encode(self.factory(seed + nth).table(rows))) for nth in range(count)]

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """Their rows as the model sees them."""
        return self.contract.fields_matrix(each.fields for each in self.readings)

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """The booster's own probabilities of them, of shape (400, labels)."""
        found: NDArray[np.float32] = self._booster.inplace_predict(self.rows)
        # A model of two labels may answer with the second one's probability alone.
        return found if found.ndim > 1 else np.stack((1 - found, found), axis=1)

    @cached_property
    def winners(self) -> list[int]:
        """The position of the likeliest label of each."""
        found: list[int] = self.probabilities.argmax(axis=1).tolist()
        return found


def pushes(readings: list[AnyReading]) -> list[bytes]:
    """Wrap each reading as Pub/Sub pushes it, MARK where the message id goes."""
    return [push(encode(each)) for each in readings]


def push(payload: bytes) -> bytes:
    """Wrap one payload as Pub/Sub pushes it, compact, with the attribute that publishers set."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {
        "attributes": {SCHEMA_ATTRIBUTE: SCHEMA_VERSION},
        "data": base64.b64encode(payload).decode(),
        "messageId": MARK,
        "message_id": MARK,
        "publishTime": now,
        "publish_time": now,
    }
    wrapped = {"message": message, "subscription": _SUBSCRIPTION}
    return json.dumps(wrapped, separators=(",", ":")).encode()
