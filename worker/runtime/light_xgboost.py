"""Lean xgboost: imported without scikit-learn, its wrappers, plots and scipy's matrices, which no worker uses.

They are two fifths of its memory and more than half of its time. Code that asks xgboost for scipy's matrices later gets the real ones.
"""

from __future__ import annotations

from rookery.worker.runtime.lazy_module import LazyModule, instead


class _Sparse(LazyModule):
    """Has the one class that xgboost needs at once, for an annotation."""

    csr_matrix = object


with instead("sklearn"), instead("xgboost.sklearn"), instead("scipy.sparse", _Sparse("scipy.sparse")):
    import xgboost

__all__ = ["xgboost"]
