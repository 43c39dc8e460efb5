"""KernelCompiler: compiles the kernel in a process of its own, once for all models of a worker."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

from rookery.worker.inference.kernel.machine_code import MachineCode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SECONDS: Final = 120.0
"""Timeout of a compilation, which needs half a second of CPU; a container may get little of one."""


class CompilationError(RuntimeError):
    """The kernel cannot be had on this machine; says why."""


class KernelCompiler:
    """Compiles when it is first asked; safe for concurrent calls."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        """Store how long a compilation may take."""
        self._seconds = seconds
        self._code: MachineCode | None = None
        self._compiling = threading.Lock()
        # Held while a process is started or ended, so that none is started after `close`.
        self._changing = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def code(self, program: NDArray[np.int32]) -> MachineCode:
        """Give the kernel, which was tried on a program before this process maps it; raises CompilationError; blocks."""
        with self._compiling:
            if self._code is None:
                self._code = _mapped(self._compiled(program))
            return self._code

    def close(self) -> None:
        """End a compilation that is in flight; none begins afterwards."""
        with self._changing:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _compiled(self, program: NDArray[np.int32]) -> bytes:
        process = self._started()
        try:
            code, errors = process.communicate(program.tobytes(), timeout=self._seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise CompilationError(f"the kernel was not compiled within {self._seconds:g} s") from None
        finally:
            with self._changing:
                self._process = None
        if process.returncode:
            said = errors.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise CompilationError(f"the kernel's compiler ended with {process.returncode}: {said[-1]}")
        return code

    def _started(self) -> subprocess.Popen[bytes]:
        with self._changing:
            if self._closed:
                raise CompilationError("the worker ends")
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "rookery.worker.inference.kernel"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            except OSError as error:
                raise CompilationError(f"the kernel's compiler cannot be started: {error}") from None
            return self._process


def _mapped(code: bytes) -> MachineCode:
    try:
        return MachineCode(code)
    except (OSError, ValueError, AttributeError) as error:
        raise CompilationError(f"the system maps no code: {error}") from None
