"""UBJ: the part of Universal Binary JSON that XGBoost writes, read without trusting a byte.

XGBoost's own reader believes every length that it finds. This one accepts only what XGBoost's writer produces, so
that both read the same: objects without counts, arrays with counts, big-endian numbers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEPTH: Final = 16
"""How deep objects and arrays may be nested; a model needs seven."""

_DTYPES: Final = {
    ord(marker): np.dtype(dtype)
    for marker, dtype in {
        "U": "u1",
        "i": "i1",
        "I": ">i2",
        "l": ">i4",
        "L": ">i8",
        "d": ">f4",
        "D": ">f8",
    }.items()
}
_NUMBERS: Final = {
    ord(marker): struct.Struct(f">{form}")
    for marker, form in {"U": "B", "i": "b", "I": "h", "l": "i", "L": "q", "d": "f", "D": "d"}.items()
}
_CONSTANTS: Final = {ord("T"): True, ord("F"): False, ord("Z"): None}
_OBJECT, _OBJECT_END, _ARRAY, _STRING, _LONG, _TYPE, _COUNT = b"{}[SL$#"
_LENGTH: Final = struct.Struct(">Bq")


class MalformedUbjError(ValueError):
    """The bytes are not what XGBoost writes; says where."""


def decode(raw: bytes) -> Any:
    """Read one value that fills the bytes: dict, list, str, int, float, bool, None, or an array; raises MalformedUbjError.

    Arrays of one type are views of the bytes.
    """
    reader = _Reader(raw)
    try:
        value = reader.value(DEPTH)
    except (struct.error, IndexError):
        raise MalformedUbjError("it ends too early") from None
    except UnicodeDecodeError:
        raise MalformedUbjError(f"a text before byte {reader.place} is not UTF-8") from None
    if reader.place != len(raw):
        raise MalformedUbjError(f"{len(raw) - reader.place} bytes follow its end")
    return value


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.place = 0

    def value(self, depth: int) -> Any:
        marker = self._marker()
        if marker == _OBJECT:
            return self._object(self._deeper(depth))
        if marker == _ARRAY:
            return self._array(self._deeper(depth))
        if marker == _STRING:
            return self._text()
        if marker in _NUMBERS:
            form = _NUMBERS[marker]
            self.place += form.size
            return form.unpack_from(self._raw, self.place - form.size)[0]
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        raise self._odd(marker)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._raw[self.place] != _OBJECT_END:
            key = self._text()
            if key in found:
                # Which of two counts is a matter of taste.
                raise MalformedUbjError(f"{key} is there twice before byte {self.place}")
            found[key] = self.value(depth)
        self.place += 1
        return found

    def _array(self, depth: int) -> list[Any] | NDArray[Any]:
        marker = self._marker()
        if marker == _COUNT:
            # Each value takes a byte at least, so that a count promises no memory that the bytes do not pay for.
            return [self.value(depth) for _ in range(self._length(1))]
        dtype = _DTYPES.get(self._marker()) if marker == _TYPE else None
        if dtype is None or self._marker() != _COUNT:
            raise self._odd(marker)
        count = self._length(dtype.itemsize)
        begin = self.place
        self.place += count * dtype.itemsize
        return np.frombuffer(self._raw, dtype, count, begin)

    def _text(self) -> str:
        length = self._length(1)
        self.place += length
        return self._raw[self.place - length : self.place].decode()

    def _length(self, width: int) -> int:
        """Read a length in items of `width` bytes, all of which must be there."""
        marker, length = _LENGTH.unpack_from(self._raw, self.place)
        self.place += _LENGTH.size
        if marker != _LONG:
            raise self._odd(marker)
        if not 0 <= length * width <= len(self._raw) - self.place:
            raise MalformedUbjError(f"the length before byte {self.place} is {length}, more than there is")
        return int(length)

    def _marker(self) -> int:
        marker = self._raw[self.place]
        self.place += 1
        return marker

    def _deeper(self, depth: int) -> int:
        if not depth:
            raise MalformedUbjError(f"it is nested deeper than {DEPTH} at byte {self.place}")
        return depth - 1

    def _odd(self, marker: int) -> MalformedUbjError:
        return MalformedUbjError(f"byte {self.place} follows an unexpected {chr(marker)!r}")
