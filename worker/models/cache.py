"""ModelCache: the last known good artifact of an address, kept on this machine for when the address fails."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final

from rookery.schemas.artifact import max_bytes
from rookery.schemas.atomic_file import write_atomically
from rookery.schemas.output.permissions import PRIVATE, make_folder
from rookery.worker.models.regular_file import read_regular

if TYPE_CHECKING:
    from pathlib import Path

log: Final = logging.getLogger(__name__)


class ModelCache:
    """One file for each address; a cached artifact is validated like any other."""

    def __init__(self, folder: Path, address: str) -> None:
        """Store where; nothing is made before there is something to keep."""
        self.path = folder.expanduser() / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.ubj"

    def read(self) -> bytes | None:
        """Return what was kept, None where there is nothing to be read."""
        try:
            return read_regular(self.path, max_bytes() + 1)[0]
        except OSError:
            return None

    def keep(self, artifact: bytes) -> None:
        """Keep a good artifact, whole or not at all; a folder that cannot be written costs a warning, no more."""
        try:
            make_folder(self.path.parent, PRIVATE)
            write_atomically(self.path, artifact, sync=False, mode=PRIVATE)
        except OSError as error:
            log.warning("the model cannot be kept at %s: %s", self.path, error.strerror)
