"""Compatibility: whether a model with another contract can take the place of one while readings arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rookery.schemas.contract.example import example_fields, unknown_word
from rookery.schemas.contract.reading_classes import needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature


class Incompatibility(NamedTuple):
    """One reason why a contract cannot take another's place.

    `reading` shows it: the former contract accepts it and the next one refuses it. It is None where readings are accepted,
    but would mean something else, or would be answered in another form.
    """

    reason: str
    reading: dict[str, Any] | None = None


def accepts(old: Contract, new: Contract) -> bool:
    """Whether `new` accepts every reading that `old` accepts, in the same units, and answers in the same form."""
    return not incompatibilities(old, new)


def incompatibilities(old: Contract, new: Contract) -> tuple[Incompatibility, ...]:
    """Every reason why `new` cannot take the place of `old` without a word to devices and readers of results.

    More features, wider bounds, more categories and features that are no longer required are compatible. The result lines of
    one topic keep their schema: the target's name stays, and so do labels where these are columns, for BigQuery drops the
    share of a label that its table lacks and refuses a line without one that it needs. An array of shares has the same schema
    for any labels, which may change then. A threshold changes answers only, as any other model does.
    """
    if old == new:
        return ()
    return (*_answers(old, new), *_values(old, new), *_presence(old, new))


def _answers(old: Contract, new: Contract) -> Iterator[Incompatibility]:
    if old.target != new.target:
        yield Incompatibility(f"the target {old.target} becomes {new.target}: result lines keep their schema")
    if old.labels_are_columns != new.labels_are_columns:
        form = "an object" if new.labels_are_columns else "an array"
        yield Incompatibility(f"probabilities become {form}: result lines keep their schema")
    elif old.labels_are_columns and (changed := {*old.labels} ^ {*new.labels}):
        labels = ", ".join(sorted(changed))
        yield Incompatibility(f"labels are added or removed ({labels}): result lines keep their schema")


def _values(old: Contract, new: Contract) -> Iterator[Incompatibility]:
    """Features that are gone, and those of which fewer values are possible."""
    example = example_fields(old)
    later = {feature.name: feature for feature in new.features}
    for feature in old.features:
        name = feature.name
        if name not in later:
            yield Incompatibility(f"feature {name} is removed", example)
            continue
        if feature.unit and later[name].unit and feature.unit != later[name].unit:
            yield Incompatibility(f"{name}: its unit changes from {feature.unit} to {later[name].unit}")
        rules = [*_narrowed(feature, later[name], example[name])]
        if feature.kind == later[name].kind == "category" and not new.takes_unknown(later[name]):
            rules += _removed(feature, later[name], any_word=old.takes_unknown(feature))
        yield from (Incompatibility(f"{name}: {rule}", {**example, name: value}) for rule, value in rules)


def _narrowed(old: Feature, new: Feature, example: Any) -> Iterator[tuple[str, Any]]:
    """Each rule of kind and bounds that refuses more than before, with a value that it refuses."""
    if old.kind != new.kind and (old.kind, new.kind) != ("integer", "number"):
        # A number may be written without a fraction, which an integer accepts.
        value = float(example) if old.kind == "number" else example
        yield f"its kind changes from {old.kind} to {new.kind}", value
    elif old.numeric:
        before, after = old.range, new.range
        number = int if before.whole else float
        if before.least < after.least:
            yield f"the least value rises from {before.least:g} to {after.least:g}", number(before.least)
        if before.most > after.most:
            yield f"the most value falls from {before.most:g} to {after.most:g}", number(before.most)


def _removed(old: Feature, new: Feature, *, any_word: bool) -> Iterator[tuple[str, Any]]:
    """The words of a category that are refused now, with one of them."""
    if removed := [word for word in old.categories if word not in new.categories]:
        yield f"categories are removed: {', '.join(removed)}", removed[0]
    if any_word:
        yield "unknown categories no longer count as missing", unknown_word(new)


def _presence(old: Contract, new: Contract) -> Iterator[Incompatibility]:
    """Features and groups of features that every reading needs now, and did not need before."""
    # A reading of the former contract has one of a new group only if an old group lies within the new one.
    certain = {feature.name for feature in old.features if feature.required}
    groups = [{*group} for group in old.at_least_one_of]
    required = [(feature.name,) for feature in new.features if feature.required]
    example = example_fields(old)
    for group in (*required, *new.at_least_one_of):
        names = {*group}
        if certain & names or any(each <= names for each in groups):
            continue
        rest = {name: value for name, value in example.items() if name not in names}
        yield Incompatibility(needed(group), rest)
