"""Terminal: the output of the publishing commands, and their exit codes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from rookery.publisher.client import ReadingPublisher
from rookery.publisher.commands.exit_codes import ALL, INTERRUPTED, NONE, code_of, exit_code
from rookery.publisher.commands.feature_options import option_of
from rookery.publisher.errors import (
    BadFileError,
    NoSuchTopicError,
    NotAllowedError,
    PublishError,
    UnreachableError,
)
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.bulk import PublishSummary, publish_all
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.receipt import rows_of
from rookery.publisher.settings import BULK
from rookery.publisher.topics import topic_path
from rookery.schemas.output.extras import install_hint
from rookery.schemas.output.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rookery.publisher.failure import Failure
    from rookery.publisher.files.bulk import Progress as Counted
    from rookery.schemas.contract.reading_classes import AnyReading, AnyTable
    from rookery.schemas.rejection import Reason

REACH_S: Final = 10.0
NOTHING: Final = "rookery: there was nothing to publish: no line holds a reading"


@dataclass(frozen=True, slots=True)
class Destination:
    """The topic as the user named it, and how long to try; raises BadTopicError where it is no topic."""

    topic: str
    project: str | None = None
    broker: str | None = None
    give_up_s: float = 15.0

    def publisher(self) -> ReadingPublisher:
        """A publisher for whole files; nothing is connected yet."""
        settings = replace(BULK, broker=self.broker, give_up_s=self.give_up_s, attempt_s=self.give_up_s)
        return ReadingPublisher(topic_path(self.topic, self.project), settings=settings)


class Terminal:
    """Results go to standard output, everything else to standard error."""

    def __init__(self) -> None:
        self._out = Console(highlight=False, markup=False, soft_wrap=True)
        self._err = Console(highlight=False, markup=False, soft_wrap=True, stderr=True)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Tell what went wrong in a sentence; ends the command with exit code 2."""
        try:
            yield
        except BadFileError as error:
            for nth, line in enumerate(error.lines):
                self.note(f"  {line}" if nth else f"rookery: {line}")
            raise typer.Exit(NONE) from error
        except PublishError as error:
            self.note(f"rookery: {error}")
            self._err.print(_hint(error), end="")
            raise typer.Exit(NONE) from error
        except KeyboardInterrupt:
            self._err.print("rookery: interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except ModuleNotFoundError as error:
            self._err.print(f"rookery: {error.name} is not installed\n  {install_hint(error.name)}")
            raise typer.Exit(NONE) from error
        except OSError as error:
            self.file_error(error)
            raise typer.Exit(NONE) from error

    def file_error(self, error: OSError) -> None:
        """Tell which file failed, and why."""
        self.note(f"rookery: {error.filename or 'input'}: {error.strerror or error}")

    def send(
        self,
        destination: Destination,
        items: Iterable[AnyReading | AnyTable | EncodedMessage | BadRow],
    ) -> int:
        """Publish all and report; returns the exit code."""
        with self.explaining(), destination.publisher() as publisher:
            address = publisher.reach(REACH_S)
            with self.bar() as show:
                summary = publish_all(publisher, items, on_progress=show, on_bad_row=self.bad_row)
        self.failures(summary.failures)
        self.say(f"{summarized(summary)} to {publisher.topic} at {address}")
        if not summary.total and not summary.interrupted:
            self.note(NOTHING)
        if summary.failed or summary.interrupted:
            self._err.print(
                "The same command sends the same readings again: none with a reading_id counts twice."
            )
        return code_of(summary)

    def send_one(self, destination: Destination, reading: AnyReading | AnyTable) -> int:
        """Publish one reading and print its message id."""
        with self.explaining(), destination.publisher() as publisher:
            publisher.reach(REACH_S)
            message_id = publisher.publish(reading).result()
        self.say(f"Published to {publisher.topic} as message {message_id}")
        return ALL

    def check(self, items: Iterable[AnyReading | AnyTable | EncodedMessage | BadRow]) -> int:
        """Read all and publish nothing; returns the exit code."""
        good = bad = 0
        with self.explaining():
            for item in items:
                if isinstance(item, BadRow):
                    bad += 1
                    self.bad_row(item)
                else:
                    good += rows_of(item)
        self.say(f"{good} of {good + bad} rows can be published; nothing was sent")
        if not good + bad:
            self.note(NOTHING)
        return exit_code(sent=good, missing=bad)

    def refuse(self, because: Iterable[Reason]) -> None:
        """Tell what is wrong with the reading that the options describe."""
        for each in because:
            stated = f"{option_of(each.field)} {each.value}" if each.value else each.field
            self.note(f"rookery: {'this reading' if stated == 'reading' else stated}: {each.rule}")

    @contextmanager
    def bar(
        self, name: str = "Publishing", *, total: int | None = None
    ) -> Iterator[Callable[[Counted], None]]:
        """Show a bar, rows a second and the time left, while open; `total` rows, where known, let it fill."""
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._err, transient=True, disable=not self._err.is_terminal) as bar:
            name = escape(printable(name))
            task = bar.add_task(name, total=total)
            began = time.monotonic()

            def show(now: Counted) -> None:
                rate = now.rows_acked / max(time.monotonic() - began, 1e-3)
                text = f"{name}: {now.rows_acked:,} of {now.rows_sent:,} rows answered, {rate:,.0f} rows/s"
                bar.update(task, completed=now.rows_acked + now.rows_bad, description=text)

            yield show

    def bad_row(self, bad: BadRow) -> None:
        """Tell what is wrong with a row."""
        self.note(f"{bad}")
        self.note(f"    {bad.text}")

    def say(self, result: str) -> None:
        """Print a result, a line; what a terminal would obey is escaped."""
        self._out.print(printable(result))

    def note(self, remark: str) -> None:
        """Print what is no result, in the same way."""
        self._err.print(printable(remark))

    def failures(self, failures: tuple[Failure, ...]) -> None:
        """Tell how many rows have no message id, by cause, and what may help."""
        ordered = sorted(failures, key=lambda failure: str(failure.error))
        for cause, group in groupby(ordered, key=lambda failure: str(failure.error)):
            concerned = list(group)
            rows = sum(rows_of(failure.source) for failure in concerned)
            self.note(f"rookery: {rows} rows not published, from {_first(concerned[0])}: {cause}")
        for hint in dict.fromkeys(_hint(failure.error) for failure in failures):
            self._err.print(hint, end="")


def _first(failure: Failure) -> str:
    """Name the first reading of a failure."""
    source = failure.source
    if isinstance(source, bytes):
        return f"a payload of {len(source)} bytes"
    if isinstance(source, EncodedMessage):
        return f"reading {source.first}"
    first = source.reading_id[0] if isinstance(source.reading_id, list) else source.reading_id
    return f"reading {first}" if first else "a reading without reading_id"


_OWN_MACHINE: Final = ("127.", "localhost:", "[::1]:")


def _hint(error: PublishError) -> str:
    """Hints for an error, a line each; empty where there are none."""
    match error:
        case NoSuchTopicError():
            return "  rookery setup makes it; `rookery up` makes it before it says that it is ready.\n"
        case UnreachableError(address=address) if address.startswith(_OWN_MACHINE):
            host, port = address.rsplit(":", 1)
            return f"  rookery broker --host {host} --port {port} starts one here.\n"
        case NotAllowedError():
            local = "--broker HOST:PORT or PUBSUB_EMULATOR_HOST names a broker on this machine"
            return f"  gcloud auth application-default login gives credentials; {local}.\n"
    return ""


def summarized(summary: PublishSummary) -> str:
    """Say in a line where every row went."""
    parts = [f"Published {summary.rows} of {summary.total} rows"]
    parts += [f"{summary.bad_rows} bad"] if summary.bad_rows else []
    parts += [f"{summary.failed} failed"] if summary.failed else []
    parts += ["interrupted, the rest was not read"] if summary.interrupted else []
    parts += ["given up early"] if summary.hopeless else []
    messages = "1 message" if summary.messages == 1 else f"{summary.messages} messages"
    return f"{', '.join(parts)}: {messages}, {summary.bytes} bytes, {summary.seconds:.2f} s,"
