"""ResultsFolder: read back what a worker made durable, each reading once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.parse import unquote

from pydantic import ValidationError

from rookery.load.accounting.tail import Tail
from rookery.schemas.identity import known_as
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Line = TypeVar("Line", Prediction, Rejection)
Found_co = TypeVar("Found_co", Prediction, Rejection, covariant=True)


class BrokenResultsError(ValueError):
    """A finished file holds a line that is no prediction (or rejection); names file, line and rule."""


class ResultsReader(Protocol[Found_co]):
    """The durable results of a worker in one place, as lines of one kind."""

    def __iter__(self) -> Iterator[Found_co]:
        """Yield each reading's line once."""

    def every(self) -> Iterator[Found_co]:
        """Yield every line, repetitions included."""

    def fresh(self) -> Iterator[Found_co]:
        """Yield every line that was not there when `fresh` was last asked."""


class ResultsFolder(Generic[Line]):
    """The whole lines of every segment below one folder, as lines of one kind.

    `where` is a path or `file:///absolute/path`. A segment that is still appended to is read up to its last
    whole line, which is as durable as any; a folder that is not there yet is empty. Delivery is at least once, so a reading may have
    been written twice: iterating gives it once, `every()` gives each line, `fresh()` what is new.
    """

    def __init__(self, where: str | Path, kind: type[Line]) -> None:
        """Store the place; nothing is read yet."""
        self.path = local_path(where)
        self._kind: type[Line] = kind
        self._tail = Tail(self.path)

    def __iter__(self) -> Iterator[Line]:
        return deduplicated(self.every())

    def every(self) -> Iterator[Line]:
        """Yield every line of every segment, repetitions included."""
        for file, content in Tail(self.path).each():
            yield from self._lines(file, content)

    def fresh(self) -> Iterator[Line]:
        """Yield every line that was not there when `fresh` was last asked."""
        for file, content in self._tail.each():
            yield from self._lines(file, content)

    def _lines(self, file: Path, content: bytes) -> Iterator[Line]:
        for number, line in enumerate(content.splitlines(), start=1):
            yield parsed(self._kind, line, f"{file}, line {number},")


def deduplicated(lines: Iterable[Line]) -> Iterator[Line]:
    """Skip duplicate lines of a reading."""
    seen: set[str] = set()
    for line in lines:
        if (name := known_as(line)) not in seen:
            seen.add(name)
            yield line


def parsed(kind: type[Line], line: bytes, where: str) -> Line:
    """Read one line; raises BrokenResultsError, which begins with `where`."""
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        said = f"{where} is no {kind.__name__.lower()}: {what}"
        raise BrokenResultsError(said) from None


def predictions(where: str | Path) -> ResultsFolder[Prediction]:
    """Read the predictions below a folder."""
    return ResultsFolder(where, Prediction)


def rejections(where: str | Path) -> ResultsFolder[Rejection]:
    """Read the rejections below a folder."""
    return ResultsFolder(where, Rejection)


def local_path(where: str | Path) -> Path:
    """Turn a path or a `file:` address into a path; raises ValueError for any other address."""
    if isinstance(where, Path):
        return where
    scheme, separator, rest = where.partition("://")
    if not separator:
        return Path(where)
    if scheme == "file":
        return Path(unquote(rest.removeprefix("localhost")))
    said = f"{where}: a path or file:///absolute/path is needed"
    raise ValueError(said)
