"""The output of `rookery model show` and `verify`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rookery.errors import EXIT_FAILED, UserError
from rookery.registry.choose import registry_of
from rookery.registry.promotion import formers
from rookery.schemas.output.printable import printable
from rookery.worker.models.choose import source_of
from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load
from rookery.worker.models.source import ModelAddressError, ModelUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.artifact import ModelCard
    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier


def show(address: str) -> None:
    """Print the card and the history of a model, the shipped one where no address is given; raises UserError."""
    uri = address or str(SHIPPED)
    classifier, version, size = loaded(uri)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row(
        "model", Text.assemble((printable(classifier.model), "bold"), f" {printable(classifier.digest[12:])}")
    )
    table.add_row("address", Text(f"{uri}, version {version}, {size:,} bytes"))
    for name, value in _lines(classifier.card).items():
        table.add_row(name, Text(printable(value)))
    if "#" not in uri:
        behind = [each.digest for each in reversed(formers(registry_of(uri)))]
        table.add_row("former models", Text(printable(", ".join(behind) or "none kept")))
    Console(highlight=False, soft_wrap=True).print(table)


def verify(address: str) -> None:
    """Validate a model and print the result; raises UserError with every reason where it is refused."""
    uri = address or str(SHIPPED)
    classifier, version, size = loaded(uri)
    golden = len(classifier.card.golden.rows)
    Console(highlight=False, soft_wrap=True).print(
        f"{uri} is good: model {classifier.model}, version {version}, {size:,} bytes, checksum and contract hold,"
        f" {golden} golden readings to the last bit"
    )


@contextmanager
def explained() -> Iterator[None]:
    """Turn the worker's errors about an address or a model into a UserError."""
    try:
        yield
    except ModelAddressError as error:
        raise UserError(f"{error}.") from None
    except ModelUnreachableError as error:
        raise UserError(f"{error}.") from None


def loaded(uri: str) -> tuple[XGBoostClassifier, str, int]:
    """Load a model as a worker would, with its version and its size in bytes; raises UserError."""
    with explained():
        fetched = source_of(uri).fetch()
    try:
        return load(fetched.artifact), fetched.version, len(fetched.artifact)
    except ModelRefusedError as error:
        raise UserError(
            f"{uri} is refused: {'; '.join(error.reasons)}.",
            hint="A running worker would keep its last known good model; a first start would end with exit code 2.",
            code=EXIT_FAILED,
        ) from None


def _lines(card: ModelCard) -> dict[str, str]:
    report = card.report
    lines = {
        "size": f"{card.rounds} rounds, xgboost {card.xgboost_version}",
        "features": ", ".join(card.features),
        card.contract.target: ", ".join(card.labels),
    }
    if report is None or card.data_sha256 is None:
        return lines
    scores = report.cross_validated
    return lines | {
        "trained on": f"{sum(report.label_counts.values())} readings of data {card.data_sha256[:12]}, seed {card.seed}",
        "cross-validated": f"accuracy {scores.accuracy:.1%}, log loss {scores.log_loss:.3f}",
        "missing features": "; ".join(f"{names}: {share:.1%}" for names, share in report.hidden.items()),
    }
