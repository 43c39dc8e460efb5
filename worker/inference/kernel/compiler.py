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
"""What a compilation may take: half a second of CPU, of which a container may get little."""


class CompilationError(RuntimeError):
    """The kernel cannot be had on this machine; says why."""


class KernelCompiler:
    """Compiles when it is first asked; safe for concurrent calls."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        """Store how long a compilation may take."""
        self._seconds = seconds
        self._code: MachineCode | None = None
        self._lock = threading.Lock()

    def code(self, program: NDArray[np.int32]) -> MachineCode:
        """Give the kernel, which was tried on a program before this process maps it; raises CompilationError; blocks."""
        with self._lock:
            if self._code is None:
                self._code = self._compiled(program)
            return self._code

    def _compiled(self, program: NDArray[np.int32]) -> MachineCode:
        command = [sys.executable, "-P", "-m", "rookery.worker.inference.kernel"]
        try:
            done = subprocess.run(  # noqa: S603  our own program, no shell
                command, input=program.tobytes(), capture_output=True, timeout=self._seconds, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CompilationError(f"the kernel was not compiled: {error}") from None
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            raise CompilationError(
                f"compiling the kernel ended with {done.returncode}: {told[-1] if told else 'nothing said'}"
            )
        try:
            return MachineCode(done.stdout)
        except (OSError, ValueError, AttributeError) as error:
            raise CompilationError(f"the system maps no code: {error}") from None
