"""A push body as every peer reads it: strictly, by msgspec, into the row that the model takes."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final, Literal

import msgspec  # type: ignore[import-not-found,unused-ignore]  # in the peers' environments only

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_SEXES: Final = {"female": 0.0, "male": 1.0}
_ISLANDS: Final = {"Biscoe": 0.0, "Dream": 1.0, "Torgersen": 2.0}


class PeerReading(msgspec.Struct):  # type: ignore[misc,unused-ignore]
    """One reading as peers validate it: types, signs and categories."""

    bill_length_mm: _Positive
    bill_depth_mm: _Positive
    flipper_length_mm: _Positive
    body_mass_g: _Positive
    year: int
    sex: Literal["female", "male"]
    island: Literal["Biscoe", "Dream", "Torgersen"]


class PeerMessage(msgspec.Struct):  # type: ignore[misc,unused-ignore]
    """The part of a push that holds the reading, in base64."""

    data: str


class PeerPush(msgspec.Struct):  # type: ignore[misc,unused-ignore]
    """What Pub/Sub posts."""

    message: PeerMessage
    subscription: str


_PUSH: Final = msgspec.json.Decoder(PeerPush)
_READING: Final = msgspec.json.Decoder(PeerReading)


def row(body: bytes) -> tuple[float, ...]:
    """Read a push body; raises msgspec.ValidationError."""
    return encoded(_PUSH.decode(body).message.data)


def row_of(push: Any) -> tuple[float, ...]:
    """Read a push body whose JSON a framework has parsed already."""
    return encoded(msgspec.convert(push, PeerPush).message.data)


def encoded(data: str) -> tuple[float, ...]:
    """Read one reading in base64 as the model's row of 7."""
    one = _READING.decode(base64.b64decode(data))
    return (
        one.bill_length_mm,
        one.bill_depth_mm,
        one.flipper_length_mm,
        one.body_mass_g,
        one.year,
        _SEXES[one.sex],
        _ISLANDS[one.island],
    )
