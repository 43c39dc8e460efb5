"""A push body as every peer reads it: strictly, by msgspec, into the row that the model takes and the message's id."""

from __future__ import annotations

import base64
import os
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec  # type: ignore[import-not-found,unused-ignore]  # in the peers' environments only

if TYPE_CHECKING:
    from collections.abc import Callable

Pushed = tuple[tuple[float, ...], str]
"""A reading as the model's row, and the id of its message."""

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_SEXES: Final = {"female": 0.0, "male": 1.0}
_ISLANDS: Final = {"Biscoe": 0.0, "Dream": 1.0, "Torgersen": 2.0}

GENERATED: Final = int(os.environ.get("BENCH_FEATURES", "0"))
"""The number of features of a generated model, f0, f1 and so on; 0 where the shipped data set's readings come."""


class PeerReading(msgspec.Struct):  # type: ignore[misc,unused-ignore]
    """One reading as peers validate it: types, signs and categories."""

    bill_length_mm: _Positive
    bill_depth_mm: _Positive
    flipper_length_mm: _Positive
    body_mass_g: _Positive
    year: int
    sex: Literal["female", "male"]
    island: Literal["Biscoe", "Dream", "Torgersen"]


class PeerMessage(msgspec.Struct, rename="camel"):  # type: ignore[misc,unused-ignore,call-arg]
    """The part of a push that holds the reading, in base64, and its message's id."""

    data: str
    message_id: str


class PeerPush(msgspec.Struct):  # type: ignore[misc,unused-ignore]
    """What Pub/Sub posts."""

    message: PeerMessage
    subscription: str


def _penguin(one: PeerReading) -> tuple[float, ...]:
    return (
        one.bill_length_mm,
        one.bill_depth_mm,
        one.flipper_length_mm,
        one.body_mass_g,
        one.year,
        _SEXES[one.sex],
        _ISLANDS[one.island],
    )


def row_reader(features: int) -> tuple[Any, Callable[[Any], tuple[float, ...]]]:
    """The class of readings, and what makes a row of one, for so many generated features."""
    if not features:
        return PeerReading, _penguin
    names = [f"f{nth}" for nth in range(features)]
    return msgspec.defstruct("GeneratedReading", [(name, float) for name in names]), attrgetter(*names)


_PUSH: Final = msgspec.json.Decoder(PeerPush)
_CLASS, _ROW = row_reader(GENERATED)
_READING: Final = msgspec.json.Decoder(_CLASS)


def pushed(body: bytes) -> Pushed:
    """Read a push body; raises msgspec.ValidationError."""
    return _pushed(_PUSH.decode(body).message)


def pushed_of(push: Any) -> Pushed:
    """Read a push body whose JSON a framework has parsed already."""
    return _pushed(msgspec.convert(push, PeerPush).message)


def _pushed(message: PeerMessage) -> Pushed:
    return _ROW(_READING.decode(base64.b64decode(message.data))), message.message_id
