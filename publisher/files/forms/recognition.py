"""Recognition: which form a file has, by what it begins with; what is no table is named."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Form(Enum):
    """A form of files that is read."""

    DELIMITED = "delimited text"
    SHEET = "spreadsheet"
    PARQUET = "Parquet"
    ARROW_FILE = "Arrow file"
    ARROW_STREAM = "Arrow stream"
    FEATHER = "Feather"
    JSON = "JSON"


class NoTableError(ValueError):
    """The file is of a form that holds no table, or none that is read; the sentence says which, and what helps."""


_FORMS: Final = (
    (b"PK\x03\x04", Form.SHEET),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Form.SHEET),
    (b"PAR1", Form.PARQUET),
    (b"ARROW1", Form.ARROW_FILE),
    (b"\xff\xff\xff\xff", Form.ARROW_STREAM),
    (b"FEA1", Form.FEATHER),
)
_SAVE: Final = "save it as CSV, .xlsx or Parquet"
_OTHERS: Final = (
    (rb"%PDF-", "a PDF document, and no table: " + _SAVE),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|BM.{4}\x00\x00\x00\x00|II\*\x00|MM\x00\*", "a picture, and no table"),
    (rb"SQLite format 3", "a database of SQLite: export the table as CSV"),
    (rb"\x89HDF", "an HDF5 file: " + _SAVE),
    (rb"\x80[\x02-\x05]", "a pickle of Python, which may run a program: " + _SAVE),
    (rb"RD[XAB]\d\n|[XAB]\n\x00\x00\x00", "a data file of R: write.csv(data, 'file.csv') writes a table"),
    (rb"\$FL[23]|@\(#\)", "a file of SPSS: " + _SAVE),
    (rb"<stata_dta>|[\x71-\x73][\x01\x02]\x01\x00", "a file of Stata: " + _SAVE),
    (rb"\x00{12}\xc2\xea\x81\x60", "a file of SAS: " + _SAVE),
    (rb"\x93NUMPY", "an array of NumPy: " + _SAVE),
    (rb"Obj\x01", "an Avro file: " + _SAVE),
    (rb"ORC[\x00-\x1f]", "an ORC file: " + _SAVE),
    (rb"7z\xbc\xaf|Rar!", "an archive: unpack it"),
    (rb"\{\\rtf", "a document (RTF), and no table: " + _SAVE),
    (rb"version https://git-lfs", "a pointer of Git LFS, and no table: git lfs pull fetches the file"),
    (rb"\x7fELF|MZ\x90", "a program, and no table"),
)
_PAGE: Final = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|table|div|p|h1|h2|meta|title|script|center|pre|a)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML: Final = re.compile(rb"\s*<(?:\?xml|[a-z])", re.IGNORECASE)
_JSON: Final = re.compile(rb"(?:\s|\x1e|//[^\n]*\n|#[^\n]*\n(?=\s*\{\"))*[{\[]")
_TAR: Final = slice(257, 262)
_ARFF: Final = re.compile(r"\s*(?:%[^\n]*\n\s*)*@relation\b", re.IGNORECASE)


def form_of(head: bytes) -> Form:
    """The form of a file that begins so; raises NoTableError."""
    for magic, form in _FORMS:
        if head.startswith(magic):
            return form
    for pattern, said in _OTHERS:
        if re.match(pattern, head, re.DOTALL):
            raise NoTableError(f"it is {said}")
    if head[_TAR] == b"ustar":
        raise NoTableError("it is an archive: unpack it")
    begin = _narrow(head).removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(begin):
        raise NoTableError("it is a web page (HTML), and no table: download the file itself")
    if _XML.match(begin):
        raise NoTableError(f"it is XML, and no table: {_SAVE}")
    if _JSON.match(begin):
        return Form.JSON
    if b"\x00" in head[:1000] and not _wide(head):
        raise NoTableError(f"it is no text, and no form that is known: {_SAVE}")
    return Form.DELIMITED


def _narrow(head: bytes) -> bytes:
    """A beginning without the marks and zeros of two or four bytes a letter."""
    if not _wide(head):
        return head
    return head.replace(b"\x00", b"").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")


def _wide(head: bytes) -> bool:
    """Whether zeros are those of two or four bytes a letter."""
    few = head[:1000]
    return (
        head[:2] in {b"\xff\xfe", b"\xfe\xff"} or max(few[::2].count(0), few[1::2].count(0)) > len(few) // 4
    )


def is_arff(head: str) -> bool:
    """Whether a text is Weka's and OpenML's own form: lines that begin with @, and rows of CSV below them."""
    return _ARFF.match(head) is not None
