"""Policies: who has which permission on a resource, by its role bindings and by those of the project."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rookery.doctor.deployment.google_apis import ApiDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rookery.doctor.deployment.google_apis import GoogleApis

ANYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})


@dataclass(frozen=True, slots=True)
class Policy:
    """The role bindings of one resource, those of its project with them."""

    bindings: tuple[dict[str, Any], ...]

    def roles(self, member: str) -> set[str]:
        """Name the roles that a member has by its own name, or as anybody has them."""
        return {each["role"] for each in self.bindings if {member, *ANYBODY} & set(each.get("members", ()))}

    def members(self, role: str) -> set[str]:
        """Name the members that have a role."""
        return {
            member for each in self.bindings if each["role"] == role for member in each.get("members", ())
        }

    @property
    def groups(self) -> bool:
        """Whether groups or domains have roles, whose members cannot be seen."""
        kinds = {member.partition(":")[0] for each in self.bindings for member in each.get("members", ())}
        return bool(kinds & {"group", "domain", "principalSet"})


@dataclass(slots=True)
class Policies:
    """Reads policies and roles, and keeps them."""

    google: GoogleApis
    project: str
    _roles: dict[str, frozenset[str]] = field(default_factory=dict)
    _of_project: tuple[dict[str, Any], ...] | None = None

    def bucket(self, name: str) -> Policy:
        """Return a bucket's policy; raises ApiUnreachableError, ApiDeniedError."""
        return self._with_project(self.google.get("storage", f"storage/v1/b/{name}/iam"))

    def topic(self, name: str) -> Policy:
        """Return a topic's policy by its whole name; raises likewise."""
        return self._with_project(self.google.get("pubsub", f"v1/{name}:getIamPolicy"))

    subscription = topic

    def run(self, resource: str) -> Policy:
        """Return the policy of a Cloud Run service by its whole name; raises likewise."""
        return self._with_project(self.google.get("run", f"v2/{resource}:getIamPolicy"))

    def lacking(self, policy: Policy, member: str, permissions: Iterable[str]) -> set[str]:
        """Name the permissions that a member has by no role; raises likewise."""
        granted = {each for role in policy.roles(member) for each in self._permissions(role)}
        return set(permissions) - granted

    def _with_project(self, policy: Any) -> Policy:
        if policy is None:
            raise ApiDeniedError("it does not exist")
        if self._of_project is None:
            self._of_project = self._read_project()
        return Policy((*policy.get("bindings", ()), *self._of_project))

    def _read_project(self) -> tuple[dict[str, Any], ...]:
        asked = f"v1/projects/{self.project}:getIamPolicy"
        answer = self.google.post("cloudresourcemanager", asked, {})
        return tuple((answer or {}).get("bindings", ()))

    def _permissions(self, role: str) -> frozenset[str]:
        if role not in self._roles:
            found = self.google.get("iam", f"v1/{role}")
            self._roles[role] = frozenset((found or {}).get("includedPermissions", ()))
        return self._roles[role]
