"""ReadingReader: the JSON of a valid reading as an object of its contract's own class, at a third of pydantic's cost.

It reads nothing that the codec refuses, and the same values. It says of nothing what is wrong: then the codec is asked.
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec
import numpy as np
from msgspec.structs import astuple

from rookery.schemas.contract.feature import IDENTITY
from rookery.schemas.parsing.moment import parse
from rookery.worker.decoding.cell_types import IDENTITY_CELLS, NOT_READ, cell_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract, Fields


# No cycle can begin at one: it holds numbers, texts and a time.
class DecodedReading(msgspec.Struct, gc=False):
    """A valid reading: base of the classes that are made of contracts, which add the features as f0, f1 and so on.

    What is missing is None. It must not be changed.
    """

    if TYPE_CHECKING:
        reading_id: str | None
        device_id: str | None
        observed_at: datetime | None

    names: ClassVar[tuple[str, ...]]
    """The names of the values in their order, identity fields last."""

    def features(self) -> dict[str, Any]:
        """The features by their names, as they were written."""
        return dict(zip(self.names[: -len(IDENTITY)], astuple(self), strict=False))

    def fields(self) -> Fields:
        """All values by their names."""
        return dict(zip(self.names, astuple(self), strict=True))


class ReadingReader:
    """Reads the readings of a contract, and encodes them for its model; immutable."""

    def __init__(self, contract: CompiledContract) -> None:
        """Make the class of this contract's readings, and what reads it."""
        self._width = len(contract.names)
        self._class = _class(contract)
        self._decode = _decoder(self._class)
        attributes = {name: f"f{place}" for place, name in enumerate(contract.names)}
        self._groups = [
            (attrgetter(attributes[group[0]]), [attributes[name] for name in group[1:]])
            for group in contract.groups
        ]
        self._codes = [(place, codes.__getitem__) for place, codes in contract.codes.items()]

    def read(self, payload: bytes) -> DecodedReading | None:
        """Read the JSON of a valid reading; None where the codec has to find out what it is."""
        try:
            reading: DecodedReading = self._decode(payload)
            if reading.observed_at is not None:
                # msgspec's own times are rounded where the codec's are cut, and have no year's edges.
                reading.observed_at = parse(reading.observed_at)  # type: ignore[arg-type]  # text until here
        except NOT_READ:
            return None
        for name in (reading.reading_id, reading.device_id):
            # No control character is printable; the few others that are not are left to the codec.
            if name is not None and not name.isprintable():
                return None
        for first, others in self._groups:
            if first(reading) is None and all(getattr(reading, other) is None for other in others):
                return None
        return reading

    def of(self, fields: Fields) -> DecodedReading:
        """Make the reading of valid fields; those that the contract does not have are left out."""
        return self._class(
            **{
                attribute: fields.get(name)
                for attribute, name in zip(self._class.__struct_fields__, self._class.names, strict=True)
            }
        )

    def matrix(self, readings: Sequence[DecodedReading]) -> NDArray[np.float32]:
        """Encode readings of this contract as (readings, features); what is missing is NaN."""
        # One list for all: rows of rows would be traversed twice. None becomes NaN on the way to float.
        flat: list[Any] = []
        width = self._width
        for reading in readings:
            flat += astuple(reading)[:width]
        if len(readings) == 1:
            # A reading alone costs a third less without slices.
            for place, code in self._codes:
                flat[place] = code(flat[place])
        else:
            for place, code in self._codes:
                flat[place::width] = map(code, flat[place::width])
        return np.array(flat, dtype=np.float32).reshape(-1, width)


@lru_cache(maxsize=8)
def reading_reader(contract: CompiledContract) -> ReadingReader:
    """The reader of a contract's readings, made once."""
    return ReadingReader(contract)


def _decoder(kind: type[DecodedReading]) -> Callable[[bytes], DecodedReading]:
    """The decoder of a class; it reads nothing where msgspec cannot have a feature's name, so that the codec does."""
    return msgspec.json.Decoder(kind).decode if all(map(_nameable, kind.names)) else _read_nothing


def _nameable(name: str) -> bool:
    return not {*name} & {'"', "\\"}


def _read_nothing(_: bytes) -> DecodedReading:
    raise msgspec.DecodeError


def _class(contract: CompiledContract) -> type[DecodedReading]:
    """Make the class: features first, whose names may be any text, so that their attributes have numbers."""
    attributes: list[Any] = []
    for place, feature in enumerate(contract.contract.features):
        kind = cell_type(feature, unknown=contract.contract.takes_unknown(feature))
        attributes.append((f"f{place}", kind) if feature.required else (f"f{place}", kind | None, None))
    attributes += [(name, kind | None, None) for name, kind in IDENTITY_CELLS.items()]
    made = msgspec.defstruct(
        "ReadingOfContract",
        attributes,
        bases=(DecodedReading,),
        namespace={"names": contract.members},
        rename={f"f{place}": name for place, name in enumerate(contract.names) if _nameable(name)},
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )
    return cast("type[DecodedReading]", made)
