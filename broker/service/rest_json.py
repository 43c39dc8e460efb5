"""Google's JSON over REST: bodies in, answers and errors out."""

from __future__ import annotations

import base64
import binascii
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from google.protobuf import json_format

from rookery.broker.errors import ACK_ID_FAILURE, InvalidArgumentError
from rookery.broker.scheduling.messages import MessageDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rookery.broker.service.proto import Proto

_MESSAGE_FIELDS: Final = frozenset(
    {
        "data",
        "attributes",
        "orderingKey",
        "ordering_key",
        "messageId",
        "message_id",
        "publishTime",
        "publish_time",
    }
)


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON.")


_decode: Final = json.JSONDecoder(parse_constant=_no_json).decode


def read(raw: bytes) -> dict[str, Any]:
    """Read a body, an object or nothing at all; raises InvalidArgumentError.

    Halves of surrogate pairs are refused here, once for every field: nothing that is sent on can carry them.
    """
    try:
        text = raw.decode("utf-8-sig")
        body = _decode(text) if text else {}
        if "\\ud" in text or "\\uD" in text:
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as reason:
        raise InvalidArgumentError(f"Invalid JSON payload received. {reason}") from None
    if not isinstance(body, dict):
        raise InvalidArgumentError("Invalid JSON payload received. An object is needed.")
    return body


def parse(body: dict[str, Any], message: Proto) -> Proto:
    """Fill a protocol buffer from JSON; raises InvalidArgumentError."""
    try:
        return json_format.ParseDict(body, message)
    # The library lets some of what int() and the like raise pass as it is: an infinite number for an enumeration.
    except (json_format.ParseError, ArithmeticError, ValueError) as error:
        raise InvalidArgumentError(f"Invalid JSON payload received. {error}") from None


def written(message: Proto) -> dict[str, Any]:
    """Write a protocol buffer as JSON."""
    return json_format.MessageToDict(message)


def drafts(body: dict[str, Any]) -> list[MessageDraft]:
    """Read a publish request's messages; raises InvalidArgumentError.

    Written by hand because this is the hot path of load tests: ten times as fast as `parse`.
    """
    messages = body.get("messages")
    if body.keys() - {"messages"} or not isinstance(messages, list):
        raise InvalidArgumentError(
            'Invalid JSON payload received. Needed is {"messages": [...]} and nothing else.'
        )
    return [_draft(position, message) for position, message in enumerate(messages)]


def _draft(position: int, message: Any) -> MessageDraft:
    if not isinstance(message, dict) or not _MESSAGE_FIELDS.issuperset(message):
        raise InvalidArgumentError(
            f"Invalid JSON payload received. messages[{position}] is no PubsubMessage."
        )
    data = message.get("data") or ""
    attributes = message.get("attributes") or {}
    key = message.get("orderingKey") or message.get("ordering_key") or ""
    if not isinstance(data, str) or not isinstance(key, str) or not isinstance(attributes, dict):
        raise InvalidArgumentError(
            f"Invalid JSON payload received. messages[{position}] has a field of the wrong type."
        )
    if attributes and not all(isinstance(value, str) for value in attributes.values()):
        raise InvalidArgumentError(
            f"Invalid JSON payload received. messages[{position}].attributes must be strings."
        )
    return MessageDraft(_decoded(position, data), attributes or None, key)


def _decoded(position: int, data: str) -> bytes:
    """Decode base64 in either alphabet, padded or not, as Google does."""
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        pass
    try:
        plain = data.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise InvalidArgumentError(
            f"Invalid JSON payload received. messages[{position}].data is not base64."
        ) from None


def error(
    code: int, status: str, message: str, failures: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Write an error in Google's shape, with what it says of single ack ids."""
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    if failures:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        body["details"] = [{"@type": kind, **ACK_ID_FAILURE, "metadata": dict(failures)}]
    return {"error": body}
