"""FileCommand: files of rows from the command line to the topic, and the progress that is shown meanwhile."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import typer

from rookery.publisher.commands.exit_codes import code_of_all, exit_code
from rookery.publisher.commands.terminal import REACH_S, summarized
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.cells.numbers import SEPARATORS
from rookery.publisher.files.file_run import FileRun, MessageSize
from rookery.publisher.files.options import FileOptions
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.source import sources
from rookery.publisher.files.tables.messages import TableMessages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rookery.publisher.client import ReadingPublisher
    from rookery.publisher.commands.terminal import Destination, Terminal
    from rookery.publisher.files.file_run import FileOutcome
    from rookery.publisher.files.resume.checkpoint import Checkpoint
    from rookery.publisher.files.tables.columns import Counts
    from rookery.schemas.contract.compiled import CompiledContract

BAD_ROWS_SHOWN: Final = 20
MOST_QUESTIONS: Final = 1_000
NO_ROW: Final = "There is no row below the header."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCommand:
    """The options of one call."""

    files: tuple[str, ...]
    one_per_message: bool
    table_bytes: int
    most_rows: int
    options: FileOptions
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

    def _checked(self, terminal: Terminal, file: ReadingFile) -> tuple[int, int]:
        """How many rows of a file would be sent, and how many not."""
        self._describe(terminal, file)
        good, reporter, messages = 0, _ProgressReporter(terminal), TableMessages(file)
        for each in self._cut.encoded_messages(messages):
            if isinstance(each, BadRow):
                reporter.bad_row(each)
            else:
                good += each.rows
        reporter.summary(messages.counts)
        if not good + reporter.count:
            terminal.note(f"{file.source.name}: {NO_ROW}")
        return good, reporter.count

    def publish(self, terminal: Terminal, destination: Destination, *, resume: bool) -> int:
        """Publish every file; returns the exit code. Nothing is sent before each was checked."""
        with terminal.explaining(), self._opened() as opened:
            runs = [FileRun(file, self._cut, options=self._said) for file in opened]
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
        file: ReadingFile,
        run: FileRun,
        *,
        after: Checkpoint | None,
        address: str,
    ) -> FileOutcome:
        name = file.source.name
        if after is not None:
            terminal.note(f"{name}: going on after row {after.row}")
        reporter = _ProgressReporter(terminal)
        with terminal.bar(name, total=max(file.profile.rows - (after.row if after else 0), 1)) as show:
            outcome = run.publish(publisher, after=after, on_progress=show, on_bad_row=reporter.bad_row)
        terminal.failures(outcome.summary.failures)
        terminal.say(f"{name}: {summarized(outcome.summary)} to {publisher.topic} at {address}")
        reporter.summary(run.messages.counts)
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
    def _said(self) -> dict[str, str]:
        return {"id-prefix": self.id_prefix, "device-id": self.device_id or "", **self.options.said()}

    @contextmanager
    def _opened(self) -> Iterator[list[ReadingFile]]:
        with sources(self.files, self.work_dir) as found:
            opened = [
                ReadingFile(
                    each,
                    id_prefix=self.id_prefix,
                    device_id=self.device_id,
                    options=self.options,
                    contract=self.contract,
                )
                for each in found
            ]
            # Nothing is sent before all of them are understood.
            for file in opened:
                _ = file.cells
                _ = file.repeated
            yield opened

    def _describe(self, terminal: Terminal, file: ReadingFile) -> None:
        """Say what was understood that the file does not say itself, and what is left out."""
        columns = file.profile.columns
        renamed = []
        for field, place in columns.places.items():
            times = f" times {columns.factors[field]:g}" if field in columns.factors else ""
            if columns.names[place] != field or times:
                renamed.append(f"{columns.names[place]} is {field}{times}")
        left = [name for name in columns.left if name]
        parts = [*renamed, *([f"left out: {', '.join(left)}"] if left else [])]
        comma = ["a comma stands before decimals"] if file.cells.style.decimal == "," else []
        for said in (
            *file.profile.remarks,
            *(comma if not self.options.decimal else ()),
            *(["; ".join(parts)] if parts else []),
        ):
            terminal.note(f"{file.source.name}: {said}")


def file_options(**said: Any) -> FileOptions:
    """Check options of a file; raises typer.BadParameter."""
    if (delimiter := said["delimiter"]) is not None:
        said["delimiter"] = _ESCAPES.get(delimiter, delimiter)
    for option, signs in (("delimiter", None), ("decimal", ".,"), ("thousands", "".join(SEPARATORS))):
        sign = said[option]
        if sign and (len(sign) != 1 or (signs is not None and sign not in signs) or sign in '"\n\r'):
            among = f", one of {' '.join(signs)}" if signs and option == "decimal" else ""
            raise typer.BadParameter(f"one sign is needed{among}, not {sign!r}", param_hint=f"--{option}")
    if said["thousands"] and said["thousands"] == said["decimal"]:
        raise typer.BadParameter("another sign than that before decimals is needed", param_hint="--thousands")
    try:
        "".encode(said["encoding"] or "utf-8")
    except (LookupError, UnicodeError):
        raise typer.BadParameter(f"{said['encoding']!r} is no encoding", param_hint="--encoding") from None
    return FileOptions(**said)


_ESCAPES: Final = {"\\t": "\t", "tab": "\t", "space": " "}


def assigned(options: Sequence[str], *, hint: str = "--map", what: str = "FIELD") -> dict[str, str]:
    """Read `COLUMN=FIELD` options; raises typer.BadParameter."""
    mapping = {}
    for option in options:
        column, separator, value = option.rpartition("=")
        if not separator or not column.strip():
            raise typer.BadParameter(f"COLUMN={what} is needed, not {option!r}", param_hint=hint)
        mapping[column.strip()] = value.strip()
    return mapping


class _ProgressReporter:
    """Shows the first bad rows, the others are in the file; and at the end what many rows had in common."""

    def __init__(self, terminal: Terminal) -> None:
        self.count = 0
        self._terminal = terminal
        self._fields = Counter[str]()
        self._questions = Counter[str]()

    def bad_row(self, bad: BadRow) -> None:
        self.count += 1
        self._fields.update({each.field for each in bad.reasons})
        self._questions.update(set(bad.questions.values()) if len(self._questions) < MOST_QUESTIONS else ())
        if self.count <= BAD_ROWS_SHOWN:
            self._terminal.bad_row(bad)
        elif self.count == BAD_ROWS_SHOWN + 1:
            self._terminal.note("... and more bad rows")

    def summary(self, counts: Counts) -> None:
        """Say what was counted, one thing a line."""
        if self.count > 1:
            fields = ", ".join(f"{field} {rows}" for field, rows in self._fields.most_common())
            self._terminal.note(f"  Bad rows by what is wrong: {fields}")
        for question, rows in self._questions.most_common(3) if self.count > BAD_ROWS_SHOWN else ():
            self._terminal.note(f"  {rows} rows: {question}")
        for name, texts in counts.unknown.items():
            shown = ", ".join(f'"{text[:40]}"' for text, _ in texts.most_common(3))
            have = "row has" if texts.total() == 1 else "rows have"
            self._terminal.note(
                f"  {name}: {texts.total()} {have} none that is known, as if it were missing: {shown}"
            )
        for name, texts in counts.codes.items():
            for text, rows in texts.most_common(3):
                where = f"{rows} {'row' if rows == 1 else 'rows'}"
                self._terminal.note(
                    f"  {name}: {text} stands in {where}: does it mean missing? --missing {text}"
                )
