"""Failure: a reading or table that was not published, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.publisher.errors import PublishError

if TYPE_CHECKING:
    from rookery.publisher.files.encoded_message import EncodedMessage
    from rookery.schemas.contract.reading_classes import AnyReading, AnyTable


@dataclass(frozen=True, slots=True)
class Failure:
    """A message without a message id, and the cause; a raw payload stays bytes. `size` is the bytes that were handed over."""

    source: AnyReading | AnyTable | EncodedMessage | bytes
    error: PublishError
    size: int


class NotPublishedError(PublishError):
    """Carries every failure that was not reported before, with the readings concerned."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        causes = "; ".join(dict.fromkeys(str(failure.error) for failure in failures))
        count = len(failures)
        super().__init__(
            f"{count} {'message was' if count == 1 else 'messages were'} not published: {causes}"
        )
        self.failures = failures
