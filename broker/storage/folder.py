"""Folder of the store: made so that it survives a power cut, and the platform's own where none is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rookery.broker.storage.errors import NoDataFolderError


def default_folder() -> Path:
    """`rookery/broker` below the user's data folder (XDG Base Directory on Linux); raises NoDataFolderError."""
    return _data_home() / "rookery" / "broker"


def make_folder(folder: Path) -> None:
    """Make a folder for its user alone, unless it is there, and sync its name."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        return
    for each in missing:
        parent = os.open(each.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)


def _data_home() -> Path:
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_DATA_HOME"
    named = Path(os.environ.get(variable, ""))
    # The XDG specification has relative paths ignored.
    if named.is_absolute():
        return named
    try:
        home = Path.home()
    except RuntimeError as error:
        raise NoDataFolderError from error
    return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/share")
