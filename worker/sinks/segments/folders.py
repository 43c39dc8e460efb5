"""Folders: names that are on the disk when a call returns; every function raises OSError."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rookery.schemas.output.permissions import PRIVATE, make_folder

if TYPE_CHECKING:
    from pathlib import Path


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
