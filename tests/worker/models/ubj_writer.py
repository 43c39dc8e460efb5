"""A writer of the UBJ that XGBoost writes, for models that no XGBoost would write."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_MARKERS: Final = {
    np.dtype(dtype): marker
    for dtype, marker in {
        "u1": b"U",
        "i1": b"i",
        ">i2": b"I",
        ">i4": b"l",
        ">i8": b"L",
        ">f4": b"d",
        ">f8": b"D",
    }.items()
}
_WIDTHS: Final = ((b"i", ">b"), (b"I", ">h"), (b"l", ">i"), (b"L", ">q"))


def encode(value: Any) -> bytes:
    """Write what `rookery.worker.models.ubj.decode` reads."""
    return next(write for kind, write in _WRITERS if isinstance(value, kind))(value)


def _integer(value: int) -> bytes:
    marker, form = next(
        (marker, form)
        for marker, form in _WIDTHS
        if -(1 << 8 * struct.calcsize(form) - 1) <= value < 1 << 8 * struct.calcsize(form) - 1
    )
    return marker + struct.pack(form, value)


def _text(text: str) -> bytes:
    written = text.encode()
    return _length(len(written)) + written


def _length(length: int) -> bytes:
    return b"L" + struct.pack(">q", length)


_WRITERS: Final[tuple[tuple[type, Callable[[Any], bytes]], ...]] = (
    (dict, lambda value: b"{" + b"".join(_text(key) + encode(each) for key, each in value.items()) + b"}"),
    (list, lambda value: b"[#" + _length(len(value)) + b"".join(map(encode, value))),
    (np.ndarray, lambda value: b"[$" + _MARKERS[value.dtype] + b"#" + _length(len(value)) + value.tobytes()),
    (str, lambda value: b"S" + _text(value)),
    (type(None), lambda _: b"Z"),
    (bool, lambda value: b"T" if value else b"F"),
    (float, lambda value: b"d" + struct.pack(">f", value)),
    (int, _integer),
)
