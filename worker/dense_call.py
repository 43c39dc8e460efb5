"""DenseCall: XGBoost's documented C call for dense rows, without the Python wrapper around it.

For a batch of 32 readings the wrapper's own checks cost more than the prediction; the answers are bit-identical,
which loading proves on the golden readings.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CONFIG: Final = b'{"training":false,"type":%d,"iteration_begin":0,"iteration_end":0,"missing":NaN,"strict_shape":false,"cache_id":0}'
_DTYPE: Final = np.dtype("<f4")
_BYTES: Final = 4


class DenseCall:
    """Predicts with `XGBoosterPredictFromDense`; safe for concurrent calls, for each thread has its own result."""

    def __init__(self, library: ctypes.CDLL, booster: Any, *, classes: int, margin: bool = False) -> None:
        """Store XGBoost's library and the booster whose handle it takes; `margin` asks for raw scores."""
        self._call = library.XGBoosterPredictFromDense
        self._error = library.XGBGetLastError
        self._booster = booster
        self._classes = classes
        self._config = _CONFIG % margin

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer rows (n, features) with (n, classes); raises RuntimeError with what XGBoost said."""
        rows = np.ascontiguousarray(rows, dtype=_DTYPE)
        count, width = rows.shape
        where: int = rows.__array_interface__["data"][0]
        described = b'{"data":[%d,true],"shape":[%d,%d],"typestr":"<f4","version":3}' % (where, count, width)
        shape, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        found = ctypes.POINTER(ctypes.c_float)()
        if self._call(
            self._booster.handle,
            described,
            self._config,
            None,
            ctypes.byref(shape),
            ctypes.byref(dimensions),
            ctypes.byref(found),
        ):
            self._error.restype = ctypes.c_char_p
            raise RuntimeError(self._error().decode(errors="replace").splitlines()[0])
        if (dimensions.value, shape[0], shape[1]) != (2, count, self._classes):
            raise RuntimeError(f"{count} readings of {self._classes} classes got an answer of another shape")
        # XGBoost keeps the result until this thread asks again.
        answers = np.empty((count, self._classes), dtype=_DTYPE)
        ctypes.memmove(answers.__array_interface__["data"][0], found, answers.size * _BYTES)
        return answers
