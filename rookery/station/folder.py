"""StationFolder: everything that a station keeps, and the lock that one process has on it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.broker.storage.errors import NoDataFolderError
from rookery.broker.storage.folder import default_folder
from rookery.errors import UserError
from rookery.schemas.output.permissions import create, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOLDER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class StationFolder:
    """The folders and files of a station below its data folder, which is absolute."""

    root: Path

    @property
    def broker(self) -> Path:
        """Topics, subscriptions and messages."""
        return self.root / "broker"

    @property
    def results(self) -> Path:
        """Predictions and rejections, in a folder each."""
        return self.root / "results"

    @property
    def predictions(self) -> Path:
        """Where the worker writes predictions."""
        return self.results / "predictions"

    @property
    def rejections(self) -> Path:
        """Where the worker writes rejections."""
        return self.results / "rejections"

    @property
    def models(self) -> Path:
        """The last known good model of each address."""
        return self.root / "models"

    @property
    def run(self) -> Path:
        """The ready files of the running programs."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """The log of all programs; full ones have a number behind the name."""
        return self.root / "station.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and hold it against any other station; raises UserError. The lock ends with the process."""
        try:
            make_folder(self.run)
            descriptor = create(self.root / "station.lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise UserError(
                f"The data folder {self.root} cannot be made or written: {error.strerror}.",
                hint="--data names another folder.",
            ) from None
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, _HOLDER_BYTES).decode().strip() or "unknown"
            raise UserError(
                f"The data folder {self.root} is in use by another station (process {holder}).",
                hint="Stop that one, or give each station a folder of its own with --data.",
            ) from None
        # The number only names the holder: a full disk keeps no station from its lock.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())


def default_data() -> Path:
    """`rookery/station` in the user's data folder; raises UserError."""
    try:
        return default_folder().with_name("station")
    except NoDataFolderError:
        raise UserError(
            "There is no home folder to keep data in.", hint="--data FOLDER names a folder."
        ) from None
