"""Where contracts stand: in a file of JSON, or in a model's card, which is read without xgboost."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from rookery.schemas.artifact import CARD_ATTRIBUTE, InvalidArtifactError, read_card, unseal
from rookery.schemas.contract.contract import InvalidContractError, read_contract
from rookery.schemas.output.extras import install_hint

if TYPE_CHECKING:
    from rookery.schemas.artifact import ModelCard
    from rookery.schemas.contract.contract import Contract

BUCKET: Final = "gs://"

_LENGTH: Final = struct.Struct(">Bq")
_LONG: Final = ord("L")
_NAME: Final = _LENGTH.pack(_LONG, len(CARD_ATTRIBUTE)) + CARD_ATTRIBUTE.encode() + b"S"
"""How the card's attribute begins in a booster's UBJ: a length, its name, and the mark of a text."""


class ContractUnreachableError(Exception):
    """A contract cannot be read now; says why."""


def contract_of(source: str | os.PathLike[str] | bytes) -> Contract:
    """Read the contract of a JSON file or a model, at a path, at `gs://bucket/object`, or as bytes.

    Raises InvalidContractError with every reason, ContractUnreachableError.
    """
    if isinstance(source, bytes):
        return _contract(source, "given")
    address = os.fspath(source)
    return _contract(_read(address), address)


def _contract(content: bytes, name: str) -> Contract:
    if content.lstrip()[:1] == b"{" and not content.startswith(b"{L"):
        return read_contract(content, source=name)
    return card_of(content, source=name).contract


def card_of(artifact: bytes, *, source: str) -> ModelCard:
    """Read the card of a model's bytes, whose checksum holds; raises InvalidContractError."""
    try:
        booster = unseal(artifact)
    except InvalidArtifactError as error:
        raise InvalidContractError(source, f"it is neither JSON nor a model: {error}") from None
    text = _attribute(booster)
    if text is None:
        raise InvalidContractError(source, "the model has no card")
    try:
        return read_card(text)
    except ValidationError:
        raise InvalidContractError(source, "the card of the model is of another version") from None


def _attribute(booster: bytes) -> str | None:
    """The text of the card's attribute, None where there is none."""
    begin = booster.find(_NAME) + len(_NAME)
    if begin < len(_NAME) or len(booster) - begin < _LENGTH.size:
        return None
    marker, length = _LENGTH.unpack_from(booster, begin)
    begin += _LENGTH.size
    if marker != _LONG or not 0 <= length <= len(booster) - begin:
        return None
    return booster[begin : begin + length].decode(errors="replace")


def _read(address: str) -> bytes:
    if address.startswith(BUCKET):
        return _download(address)
    try:
        return Path(address).read_bytes()
    except OSError as error:
        raise ContractUnreachableError(f"contract {address} cannot be read: {error.strerror}") from None


def _download(address: str) -> bytes:
    try:
        from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  an extra
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  likewise
        from google.cloud.storage import Client  # noqa: PLC0415  likewise
    except ModuleNotFoundError:
        hint = install_hint("google.cloud.storage")
        raise ContractUnreachableError(f"contract {address} needs google.cloud.storage. {hint}") from None
    bucket, _, name = address.removeprefix(BUCKET).partition("/")
    try:
        content: bytes = Client().bucket(bucket).blob(name).download_as_bytes(timeout=30)
    except (GoogleAPIError, GoogleAuthError, OSError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise ContractUnreachableError(f"contract {address} cannot be read: {said}") from None
    return content
