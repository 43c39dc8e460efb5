"""Libraries of the extra `frames`, imported when a frame is first used: a device that publishes readings has none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from rookery.schemas.output.extras import install_hint

_NO_EXTRA: Final = frozenset({"polars"})
"""Libraries that Rookery hands results to, and does not bring."""


def library(name: str) -> Any:
    """Import a module such as `pandas`; raises ModuleNotFoundError with the command that installs it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        hint = f"pip install {missing} installs it." if missing in _NO_EXTRA else install_hint(missing)
        raise ModuleNotFoundError(f"{missing} is needed: {hint}", name=missing) from None
