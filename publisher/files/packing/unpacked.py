"""Unpacked: a stream of plain bytes, by what the file begins with, whatever its name ends with."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from typing import BinaryIO, Final, cast

DAMAGED: Final = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)
"""Errors of a file that is not packed as it says; bz2 raises an OSError without a number."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_BZIP: Final = b"BZh"
_XZ: Final = b"\xfd7zXZ\x00"
ZIP: Final = b"PK\x03\x04"
_OFFICE: Final = ("[Content_Types].xml", "mimetype", "Index/Document.iwa")
"""Members of archives that are documents of an office program."""

_PIECE: Final = 1 << 20


class ManyFilesError(ValueError):
    """An archive that holds no file, or several."""


def unpacked(raw: BinaryIO) -> BinaryIO:
    """Open the plain bytes of a file; raises ManyFilesError, one of DAMAGED, and OSError."""
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    if magic.startswith(_BZIP):
        return cast("BinaryIO", bz2.BZ2File(raw))
    if magic.startswith(_XZ):
        return cast("BinaryIO", lzma.LZMAFile(raw))
    if magic.startswith(_ZSTD):
        from rookery.publisher.files.packing.zstd import ZstdReader  # noqa: PLC0415  an extra of its own, and only such a file needs it

        return cast("BinaryIO", io.BufferedReader(ZstdReader(raw), _PIECE))
    return _member(raw) if magic.startswith(ZIP) else raw


def _member(raw: BinaryIO) -> BinaryIO:
    """The only file of an archive; a spreadsheet, which is one too, as it is."""
    archive = zipfile.ZipFile(raw)
    names = archive.namelist()
    if any(each in names for each in _OFFICE):
        raw.seek(0)
        return raw
    # Hidden members are what a Mac adds.
    files = [
        each
        for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith("__MACOSX/") and "/." not in f"/{each.filename}"
    ]
    if len(files) != 1:
        shown = ", ".join(each.filename for each in files[:3])
        raise ManyFilesError(f"an archive of one file is needed, not of {len(files)} ({shown}): unpack it")
    if files[0].flag_bits & 1:
        raise ManyFilesError("the archive is locked by a password: unpack it")
    return cast("BinaryIO", archive.open(files[0]))
