"""Service: one Cloud Run service, its revisions and who gets how much of its traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bluegreen.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluegreen.gcloud import Gcloud

GREEN: Final = "green"
"""The tag of the revision that is being released, and after it of the one that serves."""

BLUE: Final = "blue"
"""The tag of the revision that served before; `rollback` goes back to it."""

ALL: Final = 100


@dataclass(frozen=True, slots=True)
class TaggedRevision:
    """The revision under test: its name, and the address that only its tag has."""

    revision: str
    url: str


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The address of a service, its latest revision, each revision's share in percent, each tag's revision."""

    url: str
    created: str
    shares: Mapping[str, int]
    tags: Mapping[str, TaggedRevision]

    @property
    def serving(self) -> str:
        """The revision with the most traffic; raises ReleaseError where none has any."""
        if not self.shares:
            raise ReleaseError(
                "no revision gets traffic, so there is nothing to go back to: see deploy/terraform"
            )
        return max(self.shares, key=lambda revision: self.shares[revision])


@dataclass(frozen=True, slots=True)
class Service:
    """The service under release."""

    gcloud: Gcloud
    name: str
    region: str

    def state(self) -> ServiceState:
        """Describe the service; raises GcloudError."""
        if self.gcloud.dry:
            self._run("describe")
            return _state(_EXAMPLE)
        words = ("run", "services", "describe", self.name, f"--region={self.region}")
        return _state(self.gcloud.ask(*words)["status"])

    def deploy(self, image: str) -> TaggedRevision:
        """Deploy an image as the green revision, which gets no traffic; raises GcloudError."""
        # `--tag` would write the revision's name into the template: Terraform's next change of it would be a 409.
        deploy = ("run", "deploy", self.name, f"--image={image}", f"--region={self.region}", "--no-traffic")
        self.gcloud.run(*deploy)
        self._run("update-traffic", f"--update-tags={GREEN}={self.state().created}")
        return self.state().tags[GREEN]

    def share(self, shares: Mapping[str, int], **tags: str) -> None:
        """Give each revision its percentage, and names by tag where some are given; raises GcloudError."""
        words = [f"--to-revisions={_listed({name: share for name, share in shares.items() if share})}"]
        if tags:
            words.append(f"--update-tags={_listed(tags)}")
        self._run("update-traffic", *words)

    def withdraw(self, shares: Mapping[str, int]) -> None:
        """Go back to these percentages and take the green tag away; raises GcloudError."""
        self._run("update-traffic", f"--to-revisions={_listed(shares)}", f"--remove-tags={GREEN}")

    def _run(self, verb: str, *words: str) -> None:
        self.gcloud.run("run", "services", verb, self.name, f"--region={self.region}", *words)


_EXAMPLE: Final[dict[str, Any]] = {
    "url": "https://SERVICE",
    "latestCreatedRevisionName": "GREEN",
    "traffic": [
        {"revisionName": "BLUE", "percent": ALL},
        {"revisionName": "BLUE", "tag": BLUE, "url": "https://blue---SERVICE"},
        {"revisionName": "GREEN", "tag": GREEN, "url": "https://green---SERVICE"},
    ],
}
"""The state that a dry run works with."""


def _state(status: Mapping[str, Any]) -> ServiceState:
    shares: dict[str, int] = {}
    tags: dict[str, TaggedRevision] = {}
    for each in status.get("traffic", ()):
        revision = each["revisionName"]
        if each.get("percent"):
            shares[revision] = shares.get(revision, 0) + each["percent"]
        if "tag" in each:
            tags[each["tag"]] = TaggedRevision(revision, each["url"])
    return ServiceState(status["url"], status["latestCreatedRevisionName"], shares, tags)


def _listed(values: Mapping[str, object]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())
