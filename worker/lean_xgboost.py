"""Lean xgboost: imported without scikit-learn, its wrappers, plots and scipy's matrices, which no worker uses.

They are two fifths of its memory and more than half of its time. Whoever asks xgboost for scipy's matrices later
gets the real ones.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Sparse(ModuleType):
    """Stands in for scipy.sparse while xgboost is imported: one class, for an annotation; for more, the real one."""

    csr_matrix = object

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _instead(module: str, of_it: ModuleType | None) -> Iterator[None]:
    """Let a module that is not imported yet be another one, or impossible to import."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = of_it  # type: ignore[assignment]  # None is how Python itself marks it
    try:
        yield
    finally:
        if sys.modules.get(module) is of_it:
            del sys.modules[module]


with ExitStack() as _aside:
    for _name in ("sklearn", "xgboost.sklearn"):
        _aside.enter_context(_instead(_name, None))
    _aside.enter_context(_instead("scipy.sparse", _Sparse("scipy.sparse")))
    import xgboost

__all__ = ["xgboost"]
