"""MachineCode: code without relocations, mapped so that it can be called and never written to."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HELD_ROWS: Final = 64
"""Up to so many rows are answered without letting go of the interpreter, which another thread would keep for 5 ms."""

_SIGNATURE: Final = (None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


class MachineCode:
    """The kernel's code in memory; safe for concurrent calls."""

    def __init__(self, code: bytes) -> None:
        """Map the code; raises OSError where the system maps none, AttributeError where it has no memory files."""
        # Written as a file and mapped as a program is: never writable and executable at once, and on processors
        # whose instruction cache does not watch memory the kernel takes care of it.
        descriptor = os.memfd_create("rookery-forest")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(code)
            self._mapped = mmap.mmap(descriptor, len(code), mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
        finally:
            os.close(descriptor)
        address = np.frombuffer(self._mapped, dtype=np.uint8).__array_interface__["data"][0]
        self._releasing = ctypes.CFUNCTYPE(*_SIGNATURE)(address)
        self._holding = ctypes.PYFUNCTYPE(*_SIGNATURE)(address)

    def __call__(
        self, rows: NDArray[np.float32], out: NDArray[np.float32], mode: int, program: NDArray[np.int32]
    ) -> None:
        """Answer rows (n, features) into `out` (n, outputs), both contiguous, as the mode says; n is at least 1."""
        call = self._holding if len(rows) <= HELD_ROWS else self._releasing
        call(_address(rows), len(rows), _address(out), mode, _address(program))


def _address(array: NDArray[np.float32] | NDArray[np.int32]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
