"""ModelCache: the last good artifact of an address, kept on this machine for when the address fails."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from typing import TYPE_CHECKING, Final

from rookery.schemas.artifact import MAX_BYTES
from rookery.schemas.output.permissions import PRIVATE, make_folder, opener
from rookery.worker.models.regular_file import read_regular

if TYPE_CHECKING:
    from pathlib import Path

log: Final = logging.getLogger(__name__)


class ModelCache:
    """One file for one address; what is read back is proven like any artifact."""

    def __init__(self, folder: Path, address: str) -> None:
        """Store where; nothing is made before there is something to keep."""
        self.path = folder.expanduser() / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.ubj"

    def read(self) -> bytes | None:
        """Return what was kept, None where there is nothing to be read."""
        try:
            return read_regular(self.path, MAX_BYTES + 1)[0]
        except OSError:
            return None

    def keep(self, artifact: bytes) -> None:
        """Keep a good artifact, whole or not at all; a folder that cannot be written costs a warning, no more."""
        unfinished = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            make_folder(self.path.parent, PRIVATE)
            with open(unfinished, "wb", opener=opener(PRIVATE)) as file:
                file.write(artifact)
            unfinished.replace(self.path)
        except OSError as error:
            log.warning("the model cannot be kept at %s: %s", self.path, error.strerror)
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
