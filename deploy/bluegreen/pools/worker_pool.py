"""WorkerPool: one Cloud Run worker pool, its revisions and the share of instances of each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bluegreen.errors import GcloudError, ReleaseError
from bluegreen.google_api import GoogleApi
from bluegreen.service import ALL, BLUE, ServiceState, TaggedRevision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluegreen.gcloud import Gcloud

CONTAINER: Final = "worker"
SUBSCRIPTION: Final = "ROOKERY_PULL"
"""The worker's variable that names its subscription."""

_BLUE: Final = f"rookery-{BLUE}"
"""The annotation of a pool with the revision that ran before: revisions of pools have no tags."""

_BY_REVISION: Final = "INSTANCE_SPLIT_ALLOCATION_TYPE_REVISION"
_POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """The pool under release, by Cloud Run's API: gcloud's own commands for pools differ from version to version."""

    gcloud: Gcloud
    name: str
    region: str

    def state(self) -> ServiceState:
        """Describe the pool; raises GcloudError."""
        described = self._described()
        before = described.get("annotations", {}).get(_BLUE)
        return ServiceState(
            url="",
            created=_short(described["latestCreatedRevision"]),
            shares=_shares(described),
            tags={BLUE: TaggedRevision(before, "")} if before else {},
        )

    def subscription(self) -> str:
        """The subscription that the pool pulls from; raises ReleaseError where its environment names none."""
        for each in _worker(self._described()).get("env", ()):
            if each["name"] == SUBSCRIPTION:
                return str(each["value"])
        raise ReleaseError(f"{self.name} pulls from no subscription: its worker has no {SUBSCRIPTION}")

    def deploy(self, image: str) -> TaggedRevision:
        """Make a revision of an image, which gets no instances; raises GcloudError."""
        described = self._described()
        template = described["template"]
        # A template that keeps the name of its revision could not be changed again: 409.
        template.pop("revision", None)
        _worker(described)["image"] = image
        # Without splits of its own, a pool gives all instances to the latest revision.
        splits = _splits(_shares(described))
        self._change("template,instanceSplits", template=template, instanceSplits=splits)
        return TaggedRevision(self.state().created, "")

    def share(self, shares: Mapping[str, int], **tags: str) -> None:
        """Give each revision its percentage of the instances; raises GcloudError."""
        if BLUE not in tags:
            self._change("instanceSplits", instanceSplits=_splits(shares))
            return
        annotations = {**self._described().get("annotations", {}), _BLUE: tags[BLUE]}
        self._change("instanceSplits,annotations", instanceSplits=_splits(shares), annotations=annotations)

    def withdraw(self, shares: Mapping[str, int]) -> None:
        """Go back to these percentages; raises GcloudError."""
        self.share(shares)

    @property
    def _path(self) -> str:
        return f"v2/projects/{self.gcloud.project}/locations/{self.region}/workerPools/{self.name}"

    @property
    def _api(self) -> GoogleApi:
        return GoogleApi(self.gcloud, "run")

    def _described(self) -> dict[str, Any]:
        found: dict[str, Any] = self._api.get(self._path, {})
        return _EXAMPLE if self.gcloud.dry else found

    def _change(self, mask: str, **fields: object) -> None:
        """Change fields and wait until they are in effect; raises GcloudError."""
        operation = self._api.patch(self._path, {"updateMask": mask}, fields)
        while not operation.get("done", self.gcloud.dry):
            time.sleep(_POLL_S)
            operation = self._api.get(f"v2/{operation['name']}", {})
        if "error" in operation:
            raise GcloudError(f"{self.name} was not changed: {operation['error'].get('message')}")


_EXAMPLE: Final[dict[str, Any]] = {
    "latestCreatedRevision": "GREEN",
    "instanceSplitStatuses": [{"revision": "BLUE", "percent": ALL}],
    "annotations": {_BLUE: "BLUE"},
    "template": {
        "containers": [
            {"name": CONTAINER, "env": [{"name": SUBSCRIPTION, "value": "projects/P/subscriptions/S"}]}
        ]
    },
}
"""The state that a dry run works with."""


def _worker(described: Mapping[str, Any]) -> dict[str, Any]:
    containers: list[dict[str, Any]] = described["template"]["containers"]
    return next((each for each in containers if each.get("name") == CONTAINER), containers[0])


def _shares(described: Mapping[str, Any]) -> dict[str, int]:
    splits = described.get("instanceSplitStatuses", ())
    return {_short(each["revision"]): each["percent"] for each in splits if each.get("percent")}


def _splits(shares: Mapping[str, int]) -> list[dict[str, object]]:
    return [
        {"type": _BY_REVISION, "revision": revision, "percent": percent}
        for revision, percent in shares.items()
        if percent
    ]


def _short(name: str) -> str:
    return name.rpartition("/")[2]
