"""Answers: what became of each row of a published frame, in a few bytes a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rookery.frames.libraries import library
from rookery.frames.rows import READING_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame

    from rookery.publisher.errors import PublishError
    from rookery.publisher.receipt import Receipt

_UNANSWERED: Final = "not published: no answer came in time; the same call sends the same readings again"


class RowAnswers:
    """The answer to each row: the message that it travelled in, or the reason why it did not.

    `names` is the Arrow array of the rows' identities. Only the thread that publishes enters anything: an answer is
    asked of its receipt when it is there.
    """

    def __init__(self, names: Any) -> None:
        numpy = library("numpy")
        self.names = names
        self._messages = numpy.full(len(names), -1, dtype=numpy.int32)
        self._reasons: dict[int, str] = {}
        self._ids: list[str | None] = []
        self._waiting: dict[int, Receipt] = {}
        self._failed: dict[int, str] = {}
        self.hopeless = False

    def sent(self, receipt: Receipt, rows: Sequence[int]) -> None:
        """Expect the answer to some rows, and take those that have come."""
        number = len(self._ids)
        self._ids.append(None)
        self._messages[list(rows)] = number
        self._waiting[number] = receipt
        # Messages are answered about in their order.
        for first in list(self._waiting)[:2]:
            self._settle(first)

    def settle(self) -> None:
        """Take every answer that is there."""
        for number in list(self._waiting):
            self._settle(number)

    def _settle(self, number: int) -> None:
        receipt = self._waiting[number]
        if not receipt.done():
            return
        del self._waiting[number]
        error = receipt.peek()
        if error is None:
            self._ids[number] = receipt.result()
            return
        self.hopeless = self.hopeless or error.hopeless
        self._failed[number] = _said(error)

    def refuse(self, row: int, reason: str) -> None:
        """Give a row a reason."""
        self._reasons[row] = reason

    def fail(self, rows: Sequence[int], error: PublishError) -> None:
        """Give rows that could not be handed over their reason."""
        self.hopeless = self.hopeless or error.hopeless
        self._reasons.update(dict.fromkeys(rows, _said(error)))

    def frame(self, like: DataFrame) -> DataFrame:
        """The answer to each row, under the index of its frame."""
        numpy, pandas, arrow = library("numpy"), library("pandas"), library("pyarrow")
        numbers = arrow.array(self._messages, mask=self._messages < 0)
        said = [None if known else self._failed.get(n, _UNANSWERED) for n, known in enumerate(self._ids)]
        ids, failed = (arrow.array(texts, arrow.string()).take(numbers) for texts in (self._ids, said))
        reasons = numpy.where(self._messages < 0, _UNANSWERED, failed.to_numpy(zero_copy_only=False))
        for row, reason in self._reasons.items():
            reasons[row] = reason
        texts = {READING_ID: self.names, "message_id": ids, "reason": arrow.array(reasons, arrow.string())}
        text = pandas.StringDtype("pyarrow")
        columns = {name: pandas.array(cells, dtype=text) for name, cells in texts.items()}
        return pandas.DataFrame(columns, index=like.index)


def _said(error: PublishError) -> str:
    return f"not published: {error}"
