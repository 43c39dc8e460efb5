"""The model artifact: one file whose booster carries its own card; what training writes and the worker trusts.

The file is the booster's UBJ, as XGBoost writes it, and one line behind it, which every XGBoost tool ignores. The line's
checksum is verified before xgboost sees a byte, for its parser crashes on damaged files
(docs/decisions/0001-model-container.md). Files of the former version have the line in front and are still read.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

CARD_ATTRIBUTE: Final = "rookery_card"
"""The booster's attribute that holds the card as JSON."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""No artifact is larger; a hundred times what this one needs."""

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


def unseal(artifact: bytes) -> bytes:
    """Return the booster's UBJ, verified to be whole; raises InvalidArtifactError."""
    if len(artifact) > MAX_BYTES:
        raise InvalidArtifactError(
            f"{len(artifact)} bytes are more than the {MAX_BYTES} that a model may have"
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
    """How well known penguins were classified; counts are penguins, averaged over the repeats.

    `confusion[i][j]`: penguins of species i that were called species j; log loss is in nats a penguin.
    """

    accuracy: float
    log_loss: float
    recall: dict[str, float]
    confusion: tuple[tuple[float, ...], ...]


class Candidate(_Card):
    """One size of model: its cross-validated log loss, that mean's standard error, and the misclassified penguins."""

    depth: int
    rounds: int
    log_loss: float
    standard_error: float
    wrong: float

    @property
    def leaves(self) -> int:
        """The most leaves that the model can have for each species: its size."""
        return self.rounds * (1 << self.depth)


class TrainingReport(_Card):
    """The data and the measurements of a training run.

    `hidden` maps the features hidden from an otherwise whole reading to the cross-validated accuracy without
    them; `false_alarms` is the share of held-out penguins that the outlier rule flags.
    """

    species_counts: Annotated[dict[str, int], Field(alias="birds")]
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

    Margins (sums of leaves, before the softmax) must be equal to the last bit, probabilities to 1e-6, because
    the exponential may differ in its last bit from one processor to another.
    """

    rows: tuple[tuple[float | None, ...], ...]
    margins: tuple[tuple[float, ...], ...]
    probabilities: tuple[tuple[float, ...], ...]
    out_of_distribution: tuple[bool, ...]


class Distribution(_Card):
    """One feature over the training penguins: inner bin edges, the share of each bin, the share missing.

    A value v is in bin i where edges[i - 1] <= v < edges[i]; the shares of the bins add up to 1.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float


class Cluster(_Card):
    """The normal distribution of one species' four measurements: mean and covariance, in mm and g."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]


class OutlierRule(_Card):
    """When a reading is out of distribution: far from every species by the measurements it has.

    Far: the smallest squared Mahalanobis distance over the clusters exceeds `limits[pattern]`, where bit i of
    the pattern is set when measurement i is present. Nothing measured (pattern 0) is always far.
    """

    clusters: tuple[Cluster, ...]
    limits: tuple[float, ...]


class ModelCard(_Card):
    """Everything about a model beside its trees; `labels` are the species in the order of its columns."""

    format: Literal[1] = 1
    features: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    labels: tuple[str, ...]
    data_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    seed: int
    xgboost_version: str
    parameters: dict[str, int | float | str]
    rounds: int
    report: TrainingReport
    golden: Golden
    distribution: dict[str, Distribution]
    outliers: OutlierRule
