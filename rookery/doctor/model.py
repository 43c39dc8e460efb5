"""The model check: a worker would load it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.doctor.finding import error, ok
from rookery.worker.models.choose import source_of
from rookery.worker.models.loader import ModelRefusedError, load
from rookery.worker.models.source import ModelAddressError, ModelUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.doctor.case import Case
    from rookery.doctor.finding import Finding


def model(case: Case) -> Iterator[Finding]:
    """Fetch and validate the model as a worker would."""
    address = case.settings.model
    try:
        found = load(source_of(address).fetch().artifact)
    except ModelAddressError as bad:
        yield error(f"ROOKERY_MODEL={bad}.", "The worker does not start like this.")
    except ModelUnreachableError as unreachable:
        yield error(
            f"{unreachable}.",
            "A running worker keeps its last known good model, and /readyz says degraded; a first start ends with exit code 2.",
        )
    except ModelRefusedError as refused:
        yield error(
            f"the model {address} is refused: {'; '.join(refused.reasons)}.",
            "`rookery model push` or `rookery model rollback`; a running worker keeps its last known good model meanwhile.",
        )
    else:
        yield ok(f"the model {found.model} at {address} is good")
