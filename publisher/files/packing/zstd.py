"""ZstdReader: the plain bytes of a Zstandard file, which must be whole."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import zstandard

if TYPE_CHECKING:
    from typing import BinaryIO

_PIECE: Final = 1 << 17


class ZstdReader(io.RawIOBase):
    """Reads frame after frame; raises EOFError where the last one is cut short or anything in it is damaged.

    The library's own reader ends quietly where a file does, whole or not.
    """

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._plain = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        """Fill a buffer as far as the next piece goes; 0 at the end."""
        while not self._plain:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._raw.read(_PIECE)
            if not packed:
                if self._begun and not self._frame.eof:
                    raise EOFError("it ends before its last frame does")
                return 0
            self._unpack(packed)
        taken = min(len(buffer), len(self._plain))
        buffer[:taken] = self._plain[:taken]
        self._plain = self._plain[taken:]
        return taken

    def _unpack(self, packed: bytes) -> None:
        if self._frame.eof:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = True
        try:
            self._plain = self._frame.decompress(packed)
        except zstandard.ZstdError as error:
            raise EOFError(str(error)) from error
