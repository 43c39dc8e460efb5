"""FileRun: the publication of one file, with its bad rows and its checkpoint beside it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.publisher.commands.exit_codes import code_of, exit_code
from rookery.publisher.files.bulk import publish_all
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.files.rejected_file import RejectedFile
from rookery.publisher.files.resume.checkpoint import Checkpoint, checkpoint_path, load
from rookery.publisher.files.resume.position import FilePosition
from rookery.publisher.files.tables.messages import TableMessages
from rookery.publisher.files.tables.size import TABLE_BYTES, TABLE_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rookery.publisher.client import ReadingPublisher
    from rookery.publisher.files.bad_row import BadRow
    from rookery.publisher.files.bulk import Progress, PublishSummary
    from rookery.publisher.files.reading_file import ReadingFile

SAVE_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class MessageSize:
    """How a file is cut into messages."""

    one_per_message: bool = False
    table_bytes: int = TABLE_BYTES
    most_rows: int = TABLE_ROWS

    def encoded_messages(
        self, messages: TableMessages, begin: FilePosition | None = None
    ) -> Iterator[EncodedMessage | BadRow]:
        """Read a file from a place on, cut so."""
        if self.one_per_message:
            return messages.singles(begin)
        return messages.tables(begin, table_bytes=self.table_bytes, most_rows=self.most_rows)


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """How it went: the summary of this run, rows that an earlier run had done or sent, and where the bad rows stand.

    `stopped` says why a bad row could not be kept, which ends a run; `unsaved` why its checkpoint could not be, which
    does not.
    """

    summary: PublishSummary
    earlier_rows: int
    earlier_sent: int
    rejected: Path | None
    stopped: OSError | None = None
    unsaved: OSError | None = None

    @property
    def accounted(self) -> bool:
        """Whether every row has a message id or stands among the bad rows."""
        return not (self.summary.failed or self.summary.interrupted or self.stopped)

    @property
    def exit_code(self) -> int:
        """The exit code of the command for this file."""
        if self.stopped is not None and not self.summary.interrupted:
            return exit_code(sent=self.summary.rows + self.earlier_sent, missing=1)
        return code_of(self.summary, kept=True, sent_before=self.earlier_sent)


class FileRun:
    """Publishes one file; `options` are what decides about its readings beside its bytes."""

    def __init__(
        self,
        file: ReadingFile,
        cut: MessageSize,
        *,
        options: dict[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._cut = cut
        self.messages = TableMessages(file)
        self._options = options or {}
        self._clock = clock
        self._path = checkpoint_path(file.source)
        self._bad_rows = 0
        self._marks = deque[Checkpoint]()
        self._reached: Checkpoint | None = None
        self._saved_at = clock()
        self._stopped: OSError | None = None
        self._unsaved: OSError | None = None

    def earlier(self) -> Checkpoint | None:
        """How far an earlier run came; raises ResumeError where it cannot be gone on from, and OSError."""
        found = load(self._file.source)
        if found is not None:
            found.check(self._file.source.name, digest12=self._file.profile.digest12, options=self._options)
        return found

    def publish(
        self,
        publisher: ReadingPublisher,
        *,
        after: Checkpoint | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_bad_row: Callable[[BadRow], None] = lambda _: None,
    ) -> FileOutcome:
        """Publish what comes after a checkpoint; raises as `publish_all` and `ReadingFile.profile` do.

        What is in flight is always finished, also where a bad row cannot be kept.
        """
        self._bad_rows = after.bad_rows if after else 0
        with RejectedFile(self._file, after) as rejected:

            def keep(bad: BadRow) -> None:
                on_bad_row(bad)
                if self._stopped is None:
                    self._keep(bad, rejected)

            def move(now: Progress) -> None:
                self._mark(now, rejected)
                on_progress(now)

            summary = publish_all(publisher, self._items(after, rejected), on_progress=move, on_bad_row=keep)
            self._save(rejected)
        return FileOutcome(
            summary=summary,
            earlier_rows=after.row if after else 0,
            earlier_sent=after.row - after.bad_rows if after else 0,
            rejected=rejected.path if self._bad_rows else None,
            stopped=self._stopped,
            unsaved=self._unsaved,
        )

    def forget(self) -> None:
        """Remove the checkpoint: there is nothing left to go on with."""
        self._path.unlink(missing_ok=True)

    def _items(self, after: Checkpoint | None, rejected: RejectedFile) -> Iterator[EncodedMessage | BadRow]:
        begin = None if after is None else FilePosition(offset=after.offset, row=after.row)
        for each in self._cut.encoded_messages(self.messages, begin):
            if self._stopped is not None:
                return
            if isinstance(each, EncodedMessage) and each.end is not None:
                self._marks.append(self._at(each.end, rejected))
            yield each

    def _keep(self, bad: BadRow, rejected: RejectedFile) -> None:
        try:
            rejected.write(bad)
            self._bad_rows += 1
        except OSError as error:
            self._stopped = error

    def _at(self, place: FilePosition, rejected: RejectedFile) -> Checkpoint:
        return Checkpoint(
            digest12=self._file.profile.digest12,
            options=self._options,
            offset=place.offset,
            row=place.row,
            rejected_bytes=rejected.size,
            rejected_sha256=rejected.sha256,
            bad_rows=self._bad_rows,
        )

    def _mark(self, now: Progress, rejected: RejectedFile) -> None:
        while now.place is not None and self._marks and self._marks[0].row <= now.place.row:
            self._reached = self._marks.popleft()
        if self._clock() - self._saved_at >= SAVE_EVERY_S:
            self._save(rejected)

    def _save(self, rejected: RejectedFile) -> None:
        self._saved_at = self._clock()
        if self._stopped is not None:
            return
        try:
            # The checkpoint counts on these rows: they must be on the disk before it is.
            rejected.sync()
        except OSError as error:
            self._stopped = error
            return
        try:
            if self._reached is not None:
                self._reached.save(self._path)
            self._unsaved = None
        except OSError as error:
            # Without it a later --resume sends some rows again, under the same identities.
            self._unsaved = error
