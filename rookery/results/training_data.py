"""Training data: the remark that a model is scored on the very readings that it was trained on."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from rookery.errors import UserError
from rookery.publisher.files.source import BUCKET, STDIN, sources

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from rookery.schemas.artifact import ModelCard


def training_remark(files: Iterable[str], models: Collection[str]) -> str:
    """Say that a model learned from one of these labelled files, with its cross-validated accuracy; else an empty text.

    `models` are the digests in the predictions. Only the model that ROOKERY_MODEL names and the shipped one are asked,
    and only files of the local disk.
    """
    digests = {*_digests([each for each in files if each != STDIN and not each.startswith(BUCKET)])}
    for card in _cards(models):
        if card.data_sha256 in digests:
            held_out = (
                card.report
                and f"; its cross-validated accuracy is {card.report.cross_validated.accuracy:.1%}"
            )
            return f"The model was trained on these readings{held_out or ''}."
    return ""


def _digests(files: list[str]) -> Iterable[str]:
    with sources(files) as found:
        for source in found:
            with source.open() as stream:
                yield hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # read alone is used


def _cards(models: Collection[str]) -> Iterable[ModelCard]:
    """The cards of the known models among those that answered."""
    try:
        from rookery.registry.description import loaded  # noqa: PLC0415  only scored predictions need xgboost
        from rookery.worker.models.loader import SHIPPED  # noqa: PLC0415  the same
    except ModuleNotFoundError:
        return
    for address in filter(None, (os.environ.get("ROOKERY_MODEL"), str(SHIPPED))):
        try:
            classifier, _, _ = loaded(address)
        except UserError:
            continue  # the summary is about results; `rookery model verify` is about the model
        if classifier.model in models:
            yield classifier.card
