"""CsvCommand: files of rows from the command line to the topic, and the progress that is shown meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer

from rookery.publisher.commands.exit_codes import code_of_all, exit_code
from rookery.publisher.commands.terminal import REACH_S, summarized
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.csv.rows import CsvFile
from rookery.publisher.files.file_run import FileRun, MessageSize
from rookery.publisher.files.source import sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rookery.publisher.client import ReadingPublisher
    from rookery.publisher.commands.terminal import Destination, Terminal
    from rookery.publisher.files.file_run import FileOutcome
    from rookery.publisher.files.resume.checkpoint import Checkpoint
    from rookery.schemas.contract.compiled import CompiledContract

BAD_ROWS_SHOWN: Final = 20
NO_ROW: Final = "There is no row below the header."


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvCommand:
    """The options of one call."""

    files: tuple[str, ...]
    one_per_message: bool
    table_bytes: int
    most_rows: int
    mapping: Mapping[str, str]
    id_prefix: str
    device_id: str | None
    contract: CompiledContract
    work_dir: Path | None

    def check(self, terminal: Terminal) -> int:
        """Read every file and send nothing; returns the exit code."""
        with terminal.explaining(), self._opened() as opened:
            counts = [self._checked(terminal, file) for file in opened]
        good, bad = (sum(each) for each in zip(*counts, strict=True))
        terminal.say(f"{good} of {good + bad} rows can be published; nothing was sent")
        return code_of_all([exit_code(sent=sent, missing=missing) for sent, missing in counts])

    def _checked(self, terminal: Terminal, file: CsvFile) -> tuple[int, int]:
        """How many rows of a file would be sent, and how many not."""
        self._describe(terminal, file)
        good, reporter = 0, _ProgressReporter(terminal)
        for each in self._cut.encoded_messages(file):
            if isinstance(each, BadRow):
                reporter.bad_row(each)
            else:
                good += each.rows
        if not good + reporter.count:
            terminal.note(f"{file.source.name}: {NO_ROW}")
        return good, reporter.count

    def publish(self, terminal: Terminal, destination: Destination, *, resume: bool) -> int:
        """Publish every file; returns the exit code. Nothing is sent before each was checked."""
        with terminal.explaining(), self._opened() as opened:
            runs = [FileRun(file, self._cut, options=self._options) for file in opened]
            earlier = [run.earlier() if resume else None for run in runs]
            with destination.publisher() as publisher:
                address = publisher.reach(REACH_S)
                outcomes = []
                for file, run, after in zip(opened, runs, earlier, strict=True):
                    self._describe(terminal, file)
                    outcomes.append(self._one(terminal, publisher, file, run, after=after, address=address))
                    if outcomes[-1].summary.interrupted or outcomes[-1].summary.hopeless:
                        break
            if all(each.accounted for each in outcomes):
                # Not before: a run that is resumed sends no finished file again.
                for run in runs:
                    run.forget()
        return code_of_all([each.exit_code for each in outcomes])

    def _one(  # noqa: PLR0913  what a file's own line needs
        self,
        terminal: Terminal,
        publisher: ReadingPublisher,
        file: CsvFile,
        run: FileRun,
        *,
        after: Checkpoint | None,
        address: str,
    ) -> FileOutcome:
        name = file.source.name
        if after is not None:
            terminal.note(f"{name}: going on after row {after.row}")
        reporter = _ProgressReporter(terminal)
        with terminal.bar(name, total=max(file.profile.lines - (after.row if after else 0), 1)) as show:
            outcome = run.publish(publisher, after=after, on_progress=show, on_bad_row=reporter.bad_row)
        terminal.failures(outcome.summary.failures)
        terminal.say(f"{name}: {summarized(outcome.summary)} to {publisher.topic} at {address}")
        for error in (outcome.stopped, outcome.unsaved):
            if error is not None:
                terminal.file_error(error)
        if not outcome.summary.total + outcome.earlier_rows:
            terminal.note(f"  {NO_ROW}")
        if outcome.rejected is not None:
            terminal.note(f"  Bad rows are in {outcome.rejected}: fix it and publish it.")
        if not outcome.accounted:
            terminal.note("  The same command with --resume goes on from here; none counts twice.")
        return outcome

    @property
    def _cut(self) -> MessageSize:
        return MessageSize(
            one_per_message=self.one_per_message, table_bytes=self.table_bytes, most_rows=self.most_rows
        )

    @property
    def _options(self) -> dict[str, str]:
        mapping = " ".join(f"{column}={field}" for column, field in sorted(self.mapping.items()))
        return {"id-prefix": self.id_prefix, "device-id": self.device_id or "", "map": mapping}

    @contextmanager
    def _opened(self) -> Iterator[list[CsvFile]]:
        with sources(self.files, self.work_dir) as found:
            opened = [
                CsvFile(
                    each,
                    id_prefix=self.id_prefix,
                    device_id=self.device_id,
                    mapping=self.mapping,
                    contract=self.contract,
                )
                for each in found
            ]
            for file in opened:
                _ = file.profile
                _ = file.repeated
            yield opened

    def _describe(self, terminal: Terminal, file: CsvFile) -> None:
        """Say what was understood that the file does not say itself, and what is left out."""
        columns = file.profile.columns
        renamed = [
            f"{columns.names[place]} is {field}"
            for field, place in columns.places.items()
            if columns.names[place] != field
        ]
        left = [name for name in columns.left if name]
        if renamed or left:
            parts = [*renamed, *([f"left out: {', '.join(left)}"] if left else [])]
            terminal.note(f"{file.source.name}: {'; '.join(parts)}")


def column_map(options: Sequence[str]) -> dict[str, str]:
    """Read `COLUMN=FIELD` options; raises typer.BadParameter."""
    mapping = {}
    for option in options:
        column, separator, field = option.rpartition("=")
        if not separator or not column.strip():
            raise typer.BadParameter(f"COLUMN=FIELD is needed, not {option!r}", param_hint="--map")
        mapping[column.strip()] = field.strip()
    return mapping


class _ProgressReporter:
    """Shows the first bad rows; the others are in the file."""

    def __init__(self, terminal: Terminal) -> None:
        self.count = 0
        self._terminal = terminal

    def bad_row(self, bad: BadRow) -> None:
        self.count += 1
        if self.count <= BAD_ROWS_SHOWN:
            self._terminal.bad_row(bad)
        elif self.count == BAD_ROWS_SHOWN + 1:
            self._terminal.note("... and more bad rows")
