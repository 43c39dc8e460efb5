"""The model artifact: one file whose booster carries its own card; what training writes and the worker trusts.

The file is the booster's UBJ, as XGBoost writes it, and one line behind it, which every XGBoost tool ignores. The line's
checksum is verified before xgboost sees a byte, for its parser crashes on damaged files
(docs/decisions/0001-model-container.md). Files of the former version have the line in front and are still read.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_contract

CARD_ATTRIBUTE: Final = "rookery_card"
"""The booster's attribute that holds the card as JSON."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes that an artifact may have where the environment does not say otherwise: 2,000 rounds of trees of 6 levels for 3 labels."""

MAX_BYTES_VARIABLE: Final = "ROOKERY_MODEL_MAX_BYTES"

_TRAILER: Final = re.compile(rb"\nrookery-model/2 sha256=([0-9a-f]{64}) length=([0-9]{1,12})\n\Z")
_HEADER: Final = re.compile(rb"rookery-model/1 sha256=([0-9a-f]{64}) length=([0-9]{1,12})\n")
_LINE_BYTES: Final = 120
_UBJ: Final = b"{L"


class InvalidArtifactError(ValueError):
    """The bytes are no whole artifact: another format, cut short, or damaged."""


def seal(booster: bytes) -> bytes:
    """Put the line with length and checksum behind a booster's UBJ."""
    digest = hashlib.sha256(booster).hexdigest()
    return booster + b"\nrookery-model/2 sha256=%s length=%d\n" % (digest.encode(), len(booster))


def max_bytes() -> int:
    """Bytes that an artifact may have.

    Read from the environment, where the worker's settings check it: every program that reads a model (a worker, `model push`,
    `doctor`, a device) then has the same bound, and none has to hand it to the next.
    """
    given = os.environ.get(MAX_BYTES_VARIABLE, os.environ.get(MAX_BYTES_VARIABLE.lower(), ""))
    return int(given) if given.isascii() and given.isdigit() else MAX_BYTES


def unseal(artifact: bytes) -> bytes:
    """Return the booster's UBJ, verified to be whole; raises InvalidArtifactError."""
    if len(artifact) > (most := max_bytes()):
        raise InvalidArtifactError(
            f"{len(artifact)} bytes are more than the {most} that a model may have ({MAX_BYTES_VARIABLE})"
        )
    booster, line = _parts(artifact)
    if len(booster) != int(line[2]):
        raise InvalidArtifactError(
            f"the rookery-model line promises {int(line[2])} bytes of model, the file has {len(booster)}"
        )
    if hashlib.sha256(booster).hexdigest().encode() != line[1]:
        raise InvalidArtifactError("the checksum does not match: the file is damaged")
    return booster


def _parts(artifact: bytes) -> tuple[bytes, re.Match[bytes]]:
    """Split a file into booster and line; raises InvalidArtifactError that says what the file is instead."""
    start = max(len(artifact) - _LINE_BYTES, 0)
    if trailer := _TRAILER.search(artifact[start:]):
        return artifact[: start + trailer.start()], trailer
    if header := _HEADER.match(artifact[:_LINE_BYTES]):
        return artifact[header.end() :], header
    raise InvalidArtifactError(f"the file has no rookery-model line: {_kind(artifact)}")


def _kind(artifact: bytes) -> str:
    if artifact.startswith(_UBJ):
        return "it is cut short, or a UBJ without a card, as XGBoost's save_model writes it; `rookery train` writes models"
    if artifact.lstrip()[:1] == b"{":
        return "it is JSON, perhaps XGBoost's own; `rookery train` writes models"
    if artifact[:1] == b"\x80":
        return "it is a pickle, which is code and never loaded; `rookery train` writes models"
    return "it is no model, or its end is missing; `rookery train` writes models"


class _Card(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        serialize_by_alias=True,
    )


class Scores(_Card):
    """How well known readings were classified; counts are readings, averaged over the repeats.

    `confusion[i][j]`: readings of label i that were called label j; log loss is in nats a reading.
    """

    accuracy: float
    log_loss: float
    recall: dict[str, float]
    confusion: tuple[tuple[float, ...], ...]


class Candidate(_Card):
    """One size of model: its cross-validated log loss, that mean's standard error, and the misclassified readings."""

    depth: int
    rounds: int
    log_loss: float
    standard_error: float
    wrong: float

    @property
    def leaves(self) -> int:
        """The most leaves that the model can have for each label: its size."""
        return self.rounds * (1 << self.depth)


class TrainingReport(_Card):
    """The data and the measurements of a training run.

    `hidden` maps the features hidden from an otherwise whole reading to the cross-validated accuracy without
    them; `false_alarms` is the share of held-out readings that the outlier rule flags.
    """

    label_counts: dict[str, int]
    left_out: int
    folds: int
    repeats: int
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    cross_validated: Scores
    training: Scores
    hidden: dict[str, float]
    false_alarms: float


class Golden(_Card):
    """Readings as the model sees them (None is missing) with the answers that every loaded copy must repeat.

    Margins (sums of leaves, before softmax or sigmoid) must be equal to the last bit, probabilities to 1e-6, because
    the exponential may differ in its last bit from one processor to another. A booster of `binary:logistic` has one margin
    a reading, any other one for each label; probabilities are always one for each label, `[1 - p, p]` for the former.
    `out_of_distribution` is empty where the card has no outlier rule.
    """

    rows: tuple[tuple[float | None, ...], ...]
    margins: tuple[tuple[float, ...], ...]
    probabilities: tuple[tuple[float, ...], ...]
    out_of_distribution: tuple[bool, ...]


class Distribution(_Card):
    """One feature over the training data: inner bin edges, the share of each bin, the share missing.

    A value v is in bin i where edges[i - 1] <= v < edges[i]; the shares of the bins add up to 1.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float


class Cluster(_Card):
    """The normal distribution of one label's measurements: mean and covariance, in the units of the contract.

    The covariance is positive definite, so that each of its submatrices has a Cholesky factor.
    """

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]


class OutlierRule(_Card):
    """When a reading is out of distribution: far from every label by the `features` that it has.

    Far: the smallest squared Mahalanobis distance over the clusters, by the features that are present, exceeds a limit, or is
    no finite number. `by` says which limit: `limits[n]` where n of the features are present, or (in files of the former
    version) `limits[pattern]`, where bit i of the pattern is set when feature i is present. A reading with none of them is
    always far. `features` are at most 32 of the contract's measurements, and there is a cluster for each label with known
    readings. The card has no rule where nothing is measured.
    """

    features: tuple[str, ...]
    clusters: tuple[Cluster, ...]
    limits: tuple[float, ...]
    by: Literal["count", "pattern"] = "count"


class ModelCard(_Card):
    """Everything about a model beside its trees.

    What an adopted model does not know is None or empty: `data_sha256`, `seed` and `report` of its training, the
    `distribution` of each feature that drift is measured against, and the `outliers` rule.
    """

    format: Literal[2] = 2
    contract: Contract
    data_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    seed: int | None = None
    xgboost_version: str
    parameters: dict[str, int | float | str] = Field(default_factory=dict)
    rounds: int
    report: TrainingReport | None = None
    golden: Golden
    distribution: dict[str, Distribution] = Field(default_factory=dict)
    outliers: OutlierRule | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features in the order of the matrix."""
        return self.contract.names

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the model's columns."""
        return self.contract.labels


def read_card(text: str) -> ModelCard:
    """Read a card of any version; raises pydantic's ValidationError."""
    if '"format":1' in text.replace(" ", "")[:_BEGIN] and isinstance(card := from_json(text), dict):
        text = to_json(_upgraded(card)).decode()
    return ModelCard.model_validate_json(text)


_BEGIN: Final = 40
"""Characters at a card's begin that hold its format."""


def _upgraded(card: dict[str, Any]) -> dict[str, Any]:
    """Bring a card of format 1 up to date: it had no contract, for its features and labels were those of the shipped one."""
    contract = default_contract()
    words = {each.name: [*each.categories] for each in contract.features if each.categories}
    described = {"features": [*contract.names], "categories": words, "labels": [*contract.labels]}
    if any(card.get(name) != needed for name, needed in described.items()):
        return card
    upgraded = {name: value for name, value in card.items() if name not in described}
    upgraded |= {"format": 2, "contract": contract.model_dump()}
    if isinstance(report := card.get("report"), dict) and "birds" in report:
        upgraded["report"] = {
            ("label_counts" if key == "birds" else key): each for key, each in report.items()
        }
    if isinstance(outliers := card.get("outliers"), dict):
        measured = [each.name for each in contract.measurements]
        upgraded["outliers"] = outliers | {"features": measured, "by": "pattern"}
    return upgraded
