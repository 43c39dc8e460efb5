"""The default contract: that of the data set which comes with Rookery, where nothing names another."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rookery.data import SHIPPED
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import read_contract

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract


@cache
def default_contract() -> Contract:
    """The shipped contract."""
    file = Path(__file__).parents[1] / f"{SHIPPED}.json"
    return read_contract(file.read_bytes(), source=str(file))


@cache
def default_compiled() -> CompiledContract:
    """The shipped contract, compiled once."""
    return CompiledContract(default_contract())
