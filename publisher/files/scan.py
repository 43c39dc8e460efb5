"""FileScan: a file read once, whole, before its rows: its digest, its size, how its text is encoded."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rookery.publisher.files.source import FileSource

HEAD: Final = 1 << 20
"""Bytes of a file's beginning that are kept, by which its form is recognised."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDEFINED: Final = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
"""Bytes that mean no letter in Windows' western encoding."""


@dataclass(frozen=True, slots=True)
class FileScan:
    """The first 12 digits of the SHA-256 of the unpacked bytes, so that packing a file changes no reading; their number; the first of them.

    `lines` counts line ends, which are CR alone in a file `of_cr`.
    """

    digest12: str
    size: int
    head: bytes
    encoding: str
    lines: int
    of_cr: bool


def scan(source: FileSource) -> FileScan:
    """Read a whole file; raises BadFileError where it is packed wrongly, and OSError."""
    digest, size, head = hashlib.sha256(), 0, b""
    feeds = returns = 0
    decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    western = True
    with source.open() as file:
        while piece := file.read(HEAD):
            digest.update(piece)
            size += len(piece)
            head = head if len(head) >= HEAD else head + piece
            feeds += piece.count(b"\n")
            returns += piece.count(b"\r")
            decoder = _decoded(decoder, piece)
            if decoder is None:
                western = western and not any(byte in piece for byte in _UNDEFINED)
    decoder = _decoded(decoder, b"", final=True)
    encoding = _marked(head) or ("utf-8" if decoder is not None else "cp1252" if western else "latin-1")
    of_cr = not feeds and bool(returns)
    return FileScan(digest.hexdigest()[:12], size, head, encoding, returns if of_cr else feeds, of_cr)


def _decoded(
    decoder: codecs.IncrementalDecoder | None, piece: bytes, *, final: bool = False
) -> codecs.IncrementalDecoder | None:
    if decoder is not None:
        try:
            decoder.decode(piece, final)
        except UnicodeDecodeError:
            return None
    return decoder


def _marked(head: bytes) -> str | None:
    """The encoding that a byte order mark names, or that every second byte of a text being 0 gives away."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    few = head[:1000]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = few[first::2], few[1 - first :: 2]
        if len(few) > HEAD_LEAST and zeros.count(0) > len(zeros) // 2 and not others.count(0):
            return encoding
    return None


HEAD_LEAST: Final = 8
"""Bytes by which a text of two bytes a letter is distinguished from one of one."""
