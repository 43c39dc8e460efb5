"""Packages that a command needs, checked before it starts anything."""

from __future__ import annotations

from importlib.util import find_spec

from rookery.errors import UserError
from rookery.schemas.output.extras import EXTRAS, install_hint


def require(*extras: str, modules: tuple[str, ...] = ()) -> None:
    """Check every known module of these extras, and further ones; raises UserError that names the first missing one."""
    for module in (*modules, *(each for each, extra in EXTRAS.items() if extra in extras)):
        if not _installed(module):
            raise UserError(f"{module} is not installed.", hint=install_hint(module))


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # of its parent; of a module that is blocked
        return False
