"""GoogleProject: as much of Google's REST APIs as the doctor asks for one deployment."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud.run_v2 import Service, WorkerPool

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "rookery-worker@my-project.iam.gserviceaccount.com"
PUSHER = "rookery-push@my-project.iam.gserviceaccount.com"
PARENT = "projects/my-project/locations/europe-west1"
APIS = ("RUN", "IAM", "IAMCREDENTIALS", "STORAGE", "PUBSUB", "MONITORING", "CLOUDRESOURCEMANAGER")
ROLES = {
    "roles/run.invoker": ["run.routes.invoke"],
    "roles/storage.objectUser": [
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list",
    ],
    "roles/storage.objectCreator": ["storage.objects.create"],
    "projects/my-project/roles/rookery_object_writer": [
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
    ],
    "roles/pubsub.publisher": ["pubsub.topics.publish"],
    "roles/pubsub.subscriber": [
        "pubsub.snapshots.seek",
        "pubsub.subscriptions.consume",
        "pubsub.topics.attachSubscription",
    ],
}


def binding(role: str, *members: str) -> dict[str, Any]:
    return {"role": role, "members": list(members)}


@dataclass
class GoogleProject:
    """One service or worker pool; tests change its parts. `denied` are APIs that answer 403."""

    address: str = "https://rookery-worker-abc-ew.a.run.app"
    environment: dict[str, str] = field(default_factory=dict)
    pool: bool = False
    scaling: dict[str, Any] = field(default_factory=lambda: {"minInstanceCount": 1, "maxInstanceCount": 20})
    changes: dict[str, Any] = field(default_factory=dict)
    invokers: list[str] = field(default_factory=lambda: [f"serviceAccount:{PUSHER}"])
    bucket_roles: list[dict[str, Any]] = field(default_factory=list)
    project_roles: list[dict[str, Any]] = field(default_factory=list)
    subscription_roles: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)

    def described(self) -> dict[str, Any]:
        """Describe it in the JSON of Cloud Run's API, which Google's own class takes without an unknown field."""
        env = [{"name": name, "value": value} for name, value in self.environment.items()]
        containers = [
            {"name": "worker", "image": "worker:first", "env": env},
            {"name": "metrics", "image": "collector"},
        ]
        kind = "workerPools" if self.pool else "services"
        name = f"{PARENT}/{kind}/rookery-worker"
        share = {"revision": f"{name}/revisions/rookery-worker-00002-abc", "percent": 100}
        whole: dict[str, Any] = {
            "name": name,
            "template": {"serviceAccount": ACCOUNT, "containers": containers},
            "scaling": self.scaling,
            "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
            "latestCreatedRevision": f"{name}/revisions/rookery-worker-00002-abc",
            "latestReadyRevision": f"{name}/revisions/rookery-worker-00002-abc",
            **({"instanceSplitStatuses": [share]} if self.pool else {}),
            **({} if self.pool else {"trafficStatuses": [share], "uri": self.address}),
            **self.changes,
        }
        known = WorkerPool if self.pool else Service
        known.from_json(json.dumps(whole), ignore_unknown_fields=False)
        return whole

    def answers(self, _method: str, path: str, _request: Any) -> tuple[int, bytes]:
        """Answer one request: the first part of the path is the API."""
        address = urlsplit(path)
        api, _, rest = address.path.strip("/").partition("/")
        if api == "token":
            return HTTPStatus.OK, b'{"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"}'
        if api in self.denied:
            return HTTPStatus.FORBIDDEN, b'{"error": {"message": "permission denied"}}'
        found = self._found(api, rest, parse_qs(address.query))
        if found is None:
            return HTTPStatus.NOT_FOUND, b"{}"
        return HTTPStatus.OK, json.dumps(found).encode()

    def _found(self, api: str, path: str, query: dict[str, list[str]]) -> Any:
        if api == "run" and not path.endswith(":getIamPolicy"):
            described = self.described()
            return described if path == f"v2/{described['name']}" else None
        if api == "iam":
            role = path.removeprefix("v1/")
            return {"includedPermissions": ROLES[role]} if role in ROLES else None
        if api == "monitoring":
            return self._series(query["filter"][0].partition("subscription/")[2].partition('"')[0])
        return {
            "run": {"bindings": [binding("roles/run.invoker", *self.invokers)]},
            "cloudresourcemanager": {"bindings": self.project_roles},
            "storage": {"bindings": self.bucket_roles},
            "pubsub": {"bindings": self.subscription_roles},
            "iamcredentials": {"token": "identity-token"},
        }[api]

    def _series(self, metric: str) -> Any:
        if metric not in self.metrics:
            return {}
        return {"timeSeries": [{"points": [{"value": {"int64Value": str(self.metrics[metric])}}]}]}


def credentials(folder: Path, url: str) -> Path:
    """Write a service account's key file whose tokens come from `url`/token."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    file = folder / "credentials.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "on-call@my-project.iam.gserviceaccount.com",
                "private_key": text,
                "token_uri": f"{url}/token",
                # Of Google's own universe, the library would ask Google where the account may be used from.
                "universe_domain": "universe.invalid",
            }
        )
    )
    return file
