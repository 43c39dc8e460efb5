"""Errors about tables and contracts as the one sentence that a user reads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rookery.errors import UserError
from rookery.schemas.contract.contract import InvalidContractError
from rookery.schemas.contract.source import ContractUnreachableError
from rookery.training.tables.source_table import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_REASONS: Final = 10
"""Reasons against a table that are printed."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors about tables and contracts into a UserError."""
    try:
        yield
    except TrainingDataError as error:
        more = len(error.reasons) - MOST_REASONS
        said = "; ".join(error.reasons[:MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")
        raise UserError(f"{error.path}: {said}.") from None
    except (InvalidContractError, ContractUnreachableError) as error:
        raise UserError(f"{error}.") from None
