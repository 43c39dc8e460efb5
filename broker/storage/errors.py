"""Errors of the store at start; each sentence names the folder and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class BrokerStoreError(Exception):
    """The store cannot be used."""


class StoreDamagedError(BrokerStoreError):
    """The file is not what was written to it; nothing of it is served, and nothing was changed."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"the store {path} is damaged ({' '.join(str(reason).split())}): restore it from a backup, or move the file away to start empty"
        )


class StoreInUseError(BrokerStoreError):
    """Another process has the store open."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the store {path} is in use by another broker: stop it, or give each broker a folder of its own (--data)"
        )


class StoreVersionError(BrokerStoreError):
    """The file has another format than this version writes."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"the store {path} has format {found}, this version reads format {known}: run the version that wrote it"
        )


class StoreUnavailableError(BrokerStoreError):
    """The file cannot be opened or written."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"the store {path} cannot be opened ({reason}): give a folder that may be written (--data), or use --memory"
        )


class NoDataFolderError(BrokerStoreError):
    """The user has no home folder, and no folder was named."""

    def __init__(self) -> None:
        super().__init__(
            "there is no home folder to keep messages in: give a folder (--data), or use --memory"
        )
