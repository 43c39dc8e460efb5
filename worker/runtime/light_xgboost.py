"""Lean xgboost: imported without scikit-learn, its wrappers, plots and scipy's matrices, which no worker uses.

They are two fifths of its memory and more than half of its time. Code that asks xgboost for scipy's matrices later gets the real ones.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from rookery.worker.runtime.lazy_module import LazyModule, instead


class _Sparse(LazyModule):
    """Has the one class that xgboost needs at once, for an annotation."""

    csr_matrix = object


with instead("sklearn"), instead("xgboost.sklearn"), instead("scipy.sparse", _Sparse("scipy.sparse")):
    import xgboost


def _left_out(name: str) -> Any:
    """A wrapper or plot of xgboost's own face, imported now that it is asked for."""
    if name in xgboost.__all__:
        if "xgboost.sklearn" not in sys.modules:
            # It noted that scikit-learn is missing. Only here: xgboost's own calls must not load all of that.
            sys.modules.pop("xgboost.compat", None)
        for module in ("sklearn", "plotting", "config"):
            if hasattr(found := import_module(f"xgboost.{module}"), name):
                return getattr(found, name)
    message = f"module 'xgboost' has no attribute {name!r}"
    raise AttributeError(message, name=name, obj=xgboost)


vars(xgboost)["__getattr__"] = _left_out
__all__ = ["xgboost"]
