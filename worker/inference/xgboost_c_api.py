"""PredictFromDense: XGBoost's documented C call for dense rows, without the Python wrapper around it.

For a batch of 32 readings the wrapper's own checks cost more than the prediction; the answers are bit-identical,
which loading proves on the golden readings.
"""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CONFIG: Final = b'{"training":false,"type":%d,"iteration_begin":0,"iteration_end":0,"missing":NaN,"strict_shape":true,"cache_id":0}'
_DTYPE: Final = np.dtype("<f4")
_BYTES: Final = 4


class _ThreadBuffers:
    """The buffers that one thread's calls share: the proxy that describes the rows, and the outputs."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._free = library.XGDMatrixFree
        self.proxy = ctypes.c_void_p()
        # Without a proxy each call makes and ends one, for a third of what it costs.
        if library.XGProxyDMatrixCreate(ctypes.byref(self.proxy)):
            raise RuntimeError(_error(library))
        self.shape = ctypes.POINTER(ctypes.c_uint64)()
        self.dimensions = ctypes.c_uint64()
        self.found = ctypes.POINTER(ctypes.c_float)()
        self.outputs = tuple(map(ctypes.byref, (self.shape, self.dimensions, self.found)))

    def __del__(self) -> None:
        if self.proxy:
            self._free(self.proxy)


_per_thread: Final = threading.local()


class PredictFromDense:
    """Predicts with `XGBoosterPredictFromDense`; safe for concurrent calls, for each thread has its own result."""

    def __init__(self, library: ctypes.CDLL, booster: Any, *, outputs: int, margin: bool = False) -> None:
        """Store XGBoost's library and the booster whose handle it takes; `margin` asks for raw scores."""
        self._library = library
        self._call = library.XGBoosterPredictFromDense
        self._booster = booster
        self._outputs = outputs
        self._config = _CONFIG % margin

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer rows (n, features) with (n, outputs), not to be written to; raises RuntimeError with what XGBoost said."""
        if rows.dtype != _DTYPE or not rows.flags.c_contiguous:
            rows = np.ascontiguousarray(rows, dtype=_DTYPE)
        count, width = rows.shape
        where: int = rows.__array_interface__["data"][0]
        described = b'{"data":[%d,true],"shape":[%d,%d],"typestr":"<f4","version":3}' % (where, count, width)
        buffers = self._buffers()
        if self._call(self._booster.handle, described, self._config, buffers.proxy, *buffers.outputs):
            raise RuntimeError(_error(self._library))
        if (buffers.dimensions.value, *buffers.shape[:2]) != (2, count, self._outputs):
            raise RuntimeError(f"{count} readings of {self._outputs} outputs got an answer of another shape")
        # XGBoost keeps the result only until this thread asks again.
        kept = ctypes.string_at(buffers.found, count * self._outputs * _BYTES)
        return np.frombuffer(kept, dtype=_DTYPE).reshape(count, self._outputs)

    def _buffers(self) -> _ThreadBuffers:
        """The buffers of the thread that asks."""
        try:
            buffers: _ThreadBuffers = _per_thread.buffers
        except AttributeError:
            buffers = _per_thread.buffers = _ThreadBuffers(self._library)
        return buffers


def _error(library: ctypes.CDLL) -> str:
    message = library.XGBGetLastError
    message.restype = ctypes.c_char_p
    return str(message().decode(errors="replace").splitlines()[0])
