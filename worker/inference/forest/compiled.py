"""CompiledForest: answers readings as its booster does, to the last bit, without XGBoost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.worker.inference.kernel.layout import MARGIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.worker.inference.forest.program import ForestProgram
    from rookery.worker.inference.kernel.machine_code import MachineCode

_DTYPE: Final = np.dtype("<f4")


class CompiledForest:
    """A kernel and the program that it reads; immutable, safe for concurrent calls."""

    def __init__(self, code: MachineCode, program: ForestProgram) -> None:
        """Store both; verify_forest says whether they answer as the booster does."""
        self.program = program
        self._code = code

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer rows (n, features) with (n, outputs); raises ValueError on another width."""
        return self.answers(rows, self.program.words, self.program.transform)

    def margins(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer rows (n, features) with the sums (n, outputs) that the probabilities are made of."""
        return self.answers(rows, self.program.words, MARGIN)

    def answers(self, rows: NDArray[np.float32], words: NDArray[np.int32], mode: int) -> NDArray[np.float32]:
        """Answer by these words, which are the program's own or a part of it."""
        if rows.dtype != _DTYPE or not rows.flags.c_contiguous:
            rows = np.ascontiguousarray(rows, dtype=_DTYPE)
        # Rows of another width would be read beyond their end.
        if rows.ndim != 2 or rows.shape[1] != self.program.features:  # noqa: PLR2004  rows and columns
            raise ValueError(f"rows of {self.program.features} features are needed, not shape {rows.shape}")
        out = np.empty((len(rows), self.program.outputs), dtype=_DTYPE)
        if len(rows):
            self._code(rows, out, mode, words)
        return out
