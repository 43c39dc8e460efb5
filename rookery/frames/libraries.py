"""Libraries of the extra `frames`, imported when a frame is first used: a device that publishes readings has none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rookery.schemas.output.extras import install_hint


def library(name: str) -> Any:
    """Import a module such as `pandas`; raises ModuleNotFoundError with the command that installs it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        raise ModuleNotFoundError(f"{missing} is needed: {install_hint(missing)}", name=missing) from None
