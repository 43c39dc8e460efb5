"""ContractLines: predictions by one contract, written as lines where one is asked for, and as columns where a sink takes these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, Self, overload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.contract.compiled import CompiledContract

    Lines = Sequence[bytes]


class ColumnarPredictions(Protocol):
    """The same predictions in arrays (PredictionColumns); their encoder is no matter of lines."""

    def __len__(self) -> int: ...

    def with_features(self, rows: set[int]) -> Self:
        """The same where some rows repeat their features."""


class ContractLines(Sequence[bytes]):
    """Lines of predictions; `columns` are the same in arrays, where they came in a table."""

    __slots__ = ("_lines", "_render", "columns", "contract")

    def __init__(
        self,
        contract: CompiledContract,
        render: Callable[[], Lines],
        columns: ColumnarPredictions | None = None,
    ) -> None:
        """Store the contract of the model that answered, and what writes the lines."""
        self.contract = contract
        self.columns = columns
        self._render = render
        self._lines: Lines | None = None

    @property
    def lines(self) -> Lines:
        """The lines, written when they are asked for."""
        if self._lines is None:
            self._lines = self._render()
        return self._lines

    def with_features(self, rows: set[int], add: Callable[[Lines], Lines]) -> ContractLines:
        """The same where some rows carry their features; `add` does so with lines."""
        columns = self.columns and self.columns.with_features(rows)
        return ContractLines(self.contract, lambda: add(self.lines), columns)

    def __len__(self) -> int:
        return len(self.lines) if self.columns is None else len(self.columns)

    @overload
    def __getitem__(self, nth: int) -> bytes: ...
    @overload
    def __getitem__(self, nth: slice) -> Lines: ...
    def __getitem__(self, nth: int | slice) -> bytes | Lines:
        """One line, or some."""
        return self.lines[nth]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.lines)
