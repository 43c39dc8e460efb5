"""Buckets: objects in memory with generations and preconditions, as Cloud Storage promises them."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import google_crc32c

if TYPE_CHECKING:
    from collections.abc import Mapping


class StorageError(Exception):
    """The store refuses an operation; carries the status that the JSON API answers."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One generation of one object; `fields` are the writable ones of the API's object resource."""

    bucket: str
    name: str
    generation: int
    content: bytes
    fields: Mapping[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def crc32c(self) -> str:
        """The checksum as the API writes it: base64 of the big-endian CRC32C."""
        return checksum(self.content)

    def resource(self) -> dict[str, Any]:
        """The object as the JSON API describes it."""
        created = self.created.isoformat().replace("+00:00", "Z")
        return {
            "contentType": "application/octet-stream",
            **self.fields,
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "bucket": self.bucket,
            "name": self.name,
            "generation": str(self.generation),
            "metageneration": "1",
            "size": str(len(self.content)),
            "crc32c": self.crc32c,
            "etag": str(self.generation),
            "storageClass": "STANDARD",
            "timeCreated": created,
            "updated": created,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Preconditions on an object's live generation; 0 means that there is none."""

    match: int | None = None
    not_match: int | None = None

    def hold(self, live: StoredObject | None) -> None:
        """Raise Refused (412) where a condition is not met."""
        generation = 0 if live is None else live.generation
        wrong = (self.match is not None and generation != self.match) or (
            self.not_match is not None and generation == self.not_match
        )
        if wrong:
            raise StorageError(HTTPStatus.PRECONDITION_FAILED, f"the live generation is {generation}")


NO_CONDITIONS = Conditions()


@dataclass(slots=True)
class _Bucket:
    versioned: bool
    live: dict[str, StoredObject] = field(default_factory=dict)
    archived: list[StoredObject] = field(default_factory=list)

    def retire(self, name: str) -> None:
        retired = self.live.pop(name, None)
        if retired is not None and self.versioned:
            self.archived.append(retired)


class Buckets:
    """All buckets of one server; every operation is atomic, from whichever thread."""

    def __init__(self) -> None:
        """Start without any bucket."""
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}
        self._generation = 1_000_000

    def make(self, name: str, *, versioned: bool = False) -> None:
        """Make a bucket; raises StorageError (409) where there is one of that name."""
        with self._lock:
            if name in self._buckets:
                raise StorageError(HTTPStatus.CONFLICT, f"bucket {name} exists")
            self._buckets[name] = _Bucket(versioned=versioned)

    def versioned(self, bucket: str) -> bool:
        """Whether replaced and deleted generations are kept; raises StorageError (404)."""
        with self._lock:
            return self._bucket(bucket).versioned

    def holds(self, bucket: str, name: str) -> bool:
        """Whether an object is live; raises StorageError (404) without the bucket."""
        with self._lock:
            return name in self._bucket(bucket).live

    def insert(
        self,
        bucket: str,
        name: str,
        *,
        content: bytes,
        fields: Mapping[str, Any],
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredObject:
        """Store a new generation; raises StorageError (404 without the bucket, 412, 400 for a wrong checksum)."""
        fields = dict(fields)
        promised = fields.pop("crc32c", None)
        if promised not in {None, checksum(content)}:
            raise StorageError(
                HTTPStatus.BAD_REQUEST, f"{name}: the content has another checksum than {promised}"
            )
        with self._lock:
            kept = self._bucket(bucket)
            conditions.hold(kept.live.get(name))
            kept.retire(name)
            self._generation += 1
            stored = StoredObject(
                bucket=bucket, name=name, generation=self._generation, content=content, fields=fields
            )
            kept.live[name] = stored
            return stored

    def get(
        self,
        bucket: str,
        name: str,
        *,
        generation: int | None = None,
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredObject:
        """Give the live object or one generation of it; raises StorageError (404, 412)."""
        with self._lock:
            kept = self._bucket(bucket)
            conditions.hold(kept.live.get(name))
            for each in (*kept.live.values(), *kept.archived):
                if each.name == name and generation in {None, each.generation}:
                    if generation is None and kept.live.get(name) is not each:
                        continue
                    return each
            raise StorageError(HTTPStatus.NOT_FOUND, f"no object {bucket}/{name}")

    def delete(self, bucket: str, name: str, *, conditions: Conditions = NO_CONDITIONS) -> None:
        """Delete the live object; raises StorageError (404, 412)."""
        with self._lock:
            kept = self._bucket(bucket)
            conditions.hold(kept.live.get(name))
            if name not in kept.live:
                raise StorageError(HTTPStatus.NOT_FOUND, f"no object {bucket}/{name}")
            kept.retire(name)

    def objects(self, bucket: str, *, prefix: str = "", versions: bool = False) -> list[StoredObject]:
        """List objects by name, then generation; with `versions` the archived ones too; raises StorageError (404)."""
        with self._lock:
            kept = self._bucket(bucket)
            found = [*kept.live.values(), *(kept.archived if versions else ())]
        chosen = (each for each in found if each.name.startswith(prefix))
        return sorted(chosen, key=lambda each: (each.name, each.generation))

    def _bucket(self, name: str) -> _Bucket:
        try:
            return self._buckets[name]
        except KeyError:
            raise StorageError(HTTPStatus.NOT_FOUND, f"no bucket {name}") from None


def checksum(content: bytes) -> str:
    """Base64 of the big-endian CRC32C of some content."""
    value: int = google_crc32c.value(content)
    return base64.b64encode(value.to_bytes(4)).decode()
