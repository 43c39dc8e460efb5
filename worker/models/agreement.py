"""Agreement: whether a card says of its booster what the booster says of itself, and whether its parts fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.worker.inference.xgboost_classifier import XGBOOST_VERSION
from rookery.worker.models.booster_facts import CATEGORY, LOGISTIC, SOFTPROB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.artifact import ModelCard
    from rookery.schemas.contract.feature import Feature
    from rookery.worker.models.booster_facts import BoosterFacts

    # The name of a part, its value in the model, and the value that is needed.
    Rule = tuple[str, object, object]

_TWO: Final = 2
"""Labels of a model with one output."""


def disagreements(card: ModelCard, facts: BoosterFacts, *, rounds: int) -> list[str]:
    """Name all in which a card differs from its booster, which has so many rounds, or a part of it from another part."""
    rules = [
        *_features(card, facts),
        *_labels(card, facts),
        ("rounds of the booster", rounds, card.rounds),
        ("xgboost's major version", _major(card.xgboost_version), _major(XGBOOST_VERSION)),
        *_golden(card, facts),
        *_outliers(card),
    ]
    return [
        f"{what}: {_shown(has)} where {_shown(needed)} is needed"
        for what, has, needed in rules
        if has != needed
    ]


def _features(card: ModelCard, facts: BoosterFacts) -> Iterator[Rule]:
    features = card.contract.features
    yield "number of the booster's features", facts.features, len(features)
    # A model that was trained on a matrix has no names.
    yield "features of the booster", facts.names or card.features, card.features
    for place, (kind, feature) in enumerate(zip(facts.types, features, strict=False)):
        if kind == CATEGORY and feature.kind == "number":
            yield f"kind of {feature.name}", feature.kind, "category"
        if words := facts.categories.get(place):
            yield f"categories of {feature.name}", _categories(feature), words


def _categories(feature: Feature) -> object:
    return feature.categories or feature.kind


def _labels(card: ModelCard, facts: BoosterFacts) -> Iterator[Rule]:
    if facts.objective == LOGISTIC:
        yield "labels of a booster with one output", len(card.labels), _TWO
    else:
        if facts.objective != SOFTPROB:
            yield "objective of the booster", facts.objective, f"{SOFTPROB} or {LOGISTIC}"
        yield "labels", len(card.labels), facts.outputs


def _golden(card: ModelCard, facts: BoosterFacts) -> Iterator[Rule]:
    golden = card.golden
    questions = len(golden.rows)
    yield "width of the golden readings", {len(row) for row in golden.rows}, {len(card.features)}
    yield "golden margins", [len(row) for row in golden.margins], [facts.outputs] * questions
    yield "golden probabilities", [len(row) for row in golden.probabilities], [len(card.labels)] * questions
    outliers = 0 if card.outliers is None else questions
    yield "golden outliers", len(golden.out_of_distribution), outliers


def _outliers(card: ModelCard) -> Iterator[Rule]:
    rule = card.outliers
    if rule is None:
        return
    numeric = {feature.name for feature in card.contract.features if feature.numeric}
    yield "outlier rule's features that are no numeric features", {*rule.features} - numeric, set()
    limits = _TWO ** len(rule.features) if rule.by == "pattern" else len(rule.features) + 1
    yield "outlier limits", len(rule.limits), limits
    if not 1 <= len(rule.clusters) <= len(card.labels):
        yield "outlier clusters", len(rule.clusters), f"one for each of {len(card.labels)} labels"


def _major(version: str) -> str:
    return version.split(".", maxsplit=1)[0]


def _shown(value: object) -> str:
    shown = ", ".join(map(str, value)) if isinstance(value, tuple | set | frozenset) else str(value)
    return shown or "none"
