"""Uploads: the three ways in which clients of the JSON API send an object, read as one."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from storage_emulator.objects import Conditions, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE: Final = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(slots=True, kw_only=True)
class Upload:
    """An object that is being uploaded: complete, except for the rest of a resumable one's content."""

    bucket: str
    name: str
    fields: dict[str, Any]
    conditions: Conditions
    content: bytearray = field(default_factory=bytearray)


def conditions(query: Mapping[str, str]) -> Conditions:
    """The preconditions of a request."""
    match, not_match = query.get("ifGenerationMatch"), query.get("ifGenerationNotMatch")
    return Conditions(
        match=None if match is None else int(match),
        not_match=None if not_match is None else int(not_match),
    )


def whole(bucket: str, query: Mapping[str, str], *, content_type: str, body: bytes) -> Upload:
    """Read an upload of one request, `uploadType=multipart` or `media`; raises StorageError (400)."""
    if query.get("uploadType") == "multipart":
        fields, media_type, content = _related(content_type, body)
        fields.setdefault("contentType", media_type)
    else:
        fields, content = {"contentType": content_type}, body
    return _upload(bucket, query, fields, bytearray(content))


def _upload(bucket: str, query: Mapping[str, str], fields: dict[str, Any], content: bytearray) -> Upload:
    name = query.get("name") or fields.pop("name", None)
    if not name:
        raise StorageError(HTTPStatus.BAD_REQUEST, "an object needs a name")
    writable = {key: value for key, value in fields.items() if key not in {"name", "bucket"}}
    return Upload(
        bucket=bucket, name=str(name), fields=writable, conditions=conditions(query), content=content
    )


def _related(content_type: str, body: bytes) -> tuple[dict[str, Any], str, bytes]:
    """Take apart a `multipart/related` body: the resource's fields, the media's type, the media."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise StorageError(HTTPStatus.BAD_REQUEST, "a multipart upload needs a boundary")
    delimiter = b"--" + found[1].encode()
    try:
        _, description, rest = body.split(delimiter, 2)
        fields = json.loads(description.partition(b"\r\n\r\n")[2])
        header, _, media = rest.partition(b"\r\n\r\n")
        content = media[: media.rindex(b"\r\n" + delimiter + b"--")]
    except ValueError as error:
        raise StorageError(HTTPStatus.BAD_REQUEST, f"the multipart body is broken: {error}") from None
    return fields, header.decode().strip().partition(": ")[2], content


class Resumables:
    """Resumable uploads in progress, by their session's id."""

    def __init__(self) -> None:
        """Start with none."""
        self._sessions: dict[str, Upload] = {}

    def begin(self, bucket: str, query: Mapping[str, str], *, media_type: str, body: bytes) -> str:
        """Open a session and give its id; raises StorageError (400)."""
        fields = json.loads(body or b"{}")
        fields.setdefault("contentType", media_type)
        session = secrets.token_hex(16)
        self._sessions[session] = _upload(bucket, query, fields, bytearray())
        return session

    def go_on(self, session: str, content_range: str, body: bytes) -> tuple[Upload, bool]:
        """Take the next piece; gives the upload and whether it is whole. Raises StorageError (404, 400)."""
        upload = self._sessions.get(session)
        found = _RANGE.fullmatch(content_range or f"bytes 0-{len(body) - 1}/{len(body)}")
        if upload is None or found is None:
            raise StorageError(HTTPStatus.NOT_FOUND, "no such upload, or no such range")
        if found[1] is not None:
            # A client that lost an answer sends a piece again; what is there already is passed over.
            upload.content[int(found[1]) :] = body
        is_whole = found[3] != "*" and len(upload.content) == int(found[3])
        return upload, is_whole

    def end(self, session: str) -> None:
        """Forget a session."""
        self._sessions.pop(session, None)
