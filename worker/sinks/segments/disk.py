"""Disk: bytes and names that are on it when a call returns; every function raises OSError."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rookery.schemas.output.permissions import PRIVATE, make_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write(descriptor: int, pieces: Sequence[bytes | memoryview], place: int) -> int:
    """Write pieces behind each other, without a copy that joins them, and return where they end."""
    written = os.pwritev(descriptor, pieces, place)
    for piece in pieces:
        view = memoryview(piece)[written:]
        place += len(piece) - len(view)
        written -= len(piece) - len(view)
        # Only a disk that is full, or a signal, leaves some of it.
        while view:
            short = os.pwritev(descriptor, (view,), place)
            view, place = view[short:], place + short
    return place


def sync_data(descriptor: int) -> None:
    """Sync what was written and the length; macOS has no call for these alone."""
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)


def make(folder: Path, mode: int = PRIVATE) -> Path:
    """Make a folder and every parent that is missing, each name synced into its own parent."""
    for each in make_folder(folder, mode):
        sync(each.parent)
    return folder


def sync(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
