"""WorkerPoolApi: as much of Cloud Run's API as a release asks for one worker pool, by its rules for revisions and splits."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from google.cloud.run_v2 import WorkerPool

PARENT: Final = "projects/my-project/locations/europe-west1"


@dataclass
class WorkerPoolApi:
    """One pool that runs its first revision; `changes` holds each change's mask and fields, `broken` images do not start."""

    name: str
    broken: set[str] = field(default_factory=set)
    changes: list[tuple[str, Any]] = field(default_factory=list)
    pool: dict[str, Any] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        variable = {"name": "ROOKERY_PULL", "value": "projects/my-project/subscriptions/readings-worker"}
        containers = [{"name": "metrics", "image": "collector"}]
        containers.insert(0, {"name": "worker", "image": "first", "env": [variable]})  # type: ignore[dict-item]  # JSON
        self.pool = {
            "name": f"{PARENT}/workerPools/{self.name}",
            "template": {"containers": containers},
            # Terraform's: all instances to the latest revision.
            "instanceSplits": [],
        }
        self._revise()
        self._settle()

    def answers(self, method: str, path: str, request: Any) -> tuple[int, bytes]:
        """Answer one request."""
        address = urlsplit(path)
        if address.path == f"/v2/{PARENT}/operations/1":
            return HTTPStatus.OK, json.dumps(self.operation).encode()
        if address.path != f"/v2/{self.pool['name']}":
            return HTTPStatus.NOT_FOUND, b"{}"
        if method == "GET":
            return HTTPStatus.OK, json.dumps(self.pool).encode()
        fields = json.loads(request[1])
        (mask,) = parse_qs(address.query)["updateMask"]
        if fields.keys() != set(mask.split(",")):
            return HTTPStatus.BAD_REQUEST, b'{"error": {"message": "the mask names other fields"}}'
        WorkerPool.from_json(json.dumps(fields), ignore_unknown_fields=False)
        self.changes.append((mask, fields))
        self._change(fields)
        return HTTPStatus.OK, json.dumps({"name": f"{PARENT}/operations/1", "done": False}).encode()

    @property
    def shares(self) -> dict[str, int]:
        """The instances of each revision in percent."""
        return {
            each["revision"].rpartition("/")[2]: each["percent"]
            for each in self.pool["instanceSplitStatuses"]
        }

    def _change(self, fields: dict[str, Any]) -> None:
        self.pool |= fields
        if "template" in fields:
            self._revise()
        self.operation: dict[str, Any] = {"name": f"{PARENT}/operations/1", "done": True}
        if self.broken & {self.images[each["revision"]] for each in fields.get("instanceSplits", ())}:
            self.operation["error"] = {"code": 9, "message": "the container failed its startup probe"}
        self._settle()

    def _revise(self) -> None:
        number = len(self.images) + 1
        revision = self.pool["template"].get("revision") or f"{self.name}-{number:05}-abc"
        self.images[revision] = self.pool["template"]["containers"][0]["image"]
        self.pool["latestCreatedRevision"] = f"{self.pool['name']}/revisions/{revision}"

    def _settle(self) -> None:
        latest = {"revision": self.pool["latestCreatedRevision"].rpartition("/")[2], "percent": 100}
        self.pool["instanceSplitStatuses"] = [
            {**each, "revision": f"{self.pool['name']}/revisions/{each['revision']}"}
            for each in self.pool["instanceSplits"] or [latest]
        ]
