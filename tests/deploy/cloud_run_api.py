"""CloudRunApi: as much of Cloud Run's API as gcloud asks for one service, by its rules for revisions and traffic."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

READY = [{"type": kind, "status": "True"} for kind in ("Ready", "ConfigurationsReady", "RoutesReady")]


@dataclass
class CloudRunApi:
    """One service that serves its first revision; `changes` holds each specification that was sent."""

    name: str
    green_url: str
    changes: list[Any] = field(default_factory=list)
    revision: str = ""
    service: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.revision = f"{self.name}-00001-old"
        worker = {"name": "worker", "image": "first", "ports": [{"containerPort": 8080}]}
        spec = {"containers": [worker, {"name": "metrics", "image": "collector"}]}
        self.service = {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": self.name, "namespace": "my-project", "generation": 1, "annotations": {}},
            "spec": {
                "template": {"metadata": {"annotations": {}}, "spec": spec},
                "traffic": [{"revisionName": self.revision, "percent": 100}],
            },
        }
        self._settle()

    def answers(self, method: str, path: str, request: Any) -> tuple[int, bytes]:
        """Answer one request of gcloud's."""
        if f"/services/{self.name}" in path:
            if method == "PUT":
                self._change(json.loads(request[1]))
            return HTTPStatus.OK, json.dumps(self.service).encode()
        known = {"/revisions": {"items": []}, "/services/run.googleapis.com": {"state": "ENABLED"}}
        found = [body for part, body in known.items() if part in path]
        return (HTTPStatus.OK, json.dumps(found[0]).encode()) if found else (HTTPStatus.NOT_FOUND, b"{}")

    def _change(self, service: dict[str, Any]) -> None:
        """A changed template makes a revision, by the name that it has or by a new one."""
        self.changes.append(service["spec"])
        service["metadata"]["generation"] = self.service["metadata"]["generation"] + 1
        if service["spec"]["template"] != self.service["spec"]["template"]:
            chosen = service["spec"]["template"]["metadata"].get("name")
            self.revision = chosen or f"{self.name}-{service['metadata']['generation']:05}-new"
        self.service = service
        self._settle()

    def _settle(self) -> None:
        traffic = [
            {**each, **({"url": self.green_url} if "tag" in each else {})}
            for each in self.service["spec"]["traffic"]
        ]
        self.service["status"] = {
            "observedGeneration": self.service["metadata"]["generation"],
            "conditions": READY,
            "latestCreatedRevisionName": self.revision,
            "latestReadyRevisionName": self.revision,
            "url": "https://worker.example",
            "traffic": traffic,
        }
