"""LazyModule: a module that is imported with the first access to one of its names."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class LazyModule(ModuleType):
    """Stands in for a module of its name; whatever is asked of it is asked of the real one, imported then."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def instead(module: str, other: ModuleType | None = None) -> Iterator[None]:
    """Let a module that is not imported yet be another one while the context is open; None cannot be imported."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = other  # type: ignore[assignment]  # None is how Python itself marks it
    try:
        yield
    finally:
        if sys.modules.get(module) is other:
            del sys.modules[module]
