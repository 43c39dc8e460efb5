"""Every hint of `rookery doctor --service`, printed by a deployment that has its fault, and run by the installed gcloud."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.pubsub_v1 import Subscription

from rookery.doctor.deployment import access, backlog, examination, probe, revisions, variables
from rookery.doctor.deployment.deployed_worker import DeployedWorker
from rookery.doctor.deployment.policies import Policies
from rookery.doctor.deployment.target import DeploymentTarget
from rookery.doctor.finding import Finding, error, warning
from rookery.worker.settings import Settings
from tests.deploy.real_gcloud import TERRAFORM, assert_accepted
from tests.rookery.doctor.google_project import ACCOUNT, PUSHER, GoogleProject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODULES: Final[tuple[Any, ...]] = (access, backlog, examination, probe, revisions, variables)
SERVICE: Final = DeploymentTarget(project="my-project", region="europe-west1", name="rookery-worker")
POOL: Final = DeploymentTarget(project="my-project", region="europe-west1", name="rookery-worker", pool=True)
CALLS: Final = {
    (Path(module.__file__).name, node.lineno)
    for module in MODULES
    for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"error", "warning"}
}
"""Every place that makes an error or a warning of a deployment."""


class Google:
    """A project's answers without HTTP."""

    def __init__(self, project: GoogleProject) -> None:
        self._project = project

    def get(self, api: str, path: str, query: dict[str, str] | None = None) -> Any:
        return self._project._found(api, path, {name: [value] for name, value in (query or {}).items()})

    def post(self, api: str, path: str, _body: Any) -> Any:
        return self._project._found(api, path, {})


def worker(*, pool: bool = False, **changes: Any) -> DeployedWorker:
    project = GoogleProject(pool=pool, **({"scaling": {"manualInstanceCount": 1}} if pool else {}) | changes)
    return DeployedWorker.of(POOL if pool else SERVICE, project.described())


def subscription(endpoint: str = "https://worker.example/push", **push: Any) -> Subscription:
    token = {"service_account_email": PUSHER, "audience": "https://worker.example"}
    name = "projects/my-project/subscriptions/readings-worker"
    return Subscription(name=name, push_config={"push_endpoint": endpoint, "oidc_token": token, **push})


def of_revisions() -> Iterator[Finding]:
    for pool in (False, True):
        failed = {"terminalCondition": {"state": "CONDITION_FAILED"}, "latestCreatedRevision": "a-00002-bad"}
        nothing = {"trafficStatuses": []} if not pool else {"instanceSplitStatuses": []}
        for changes in (failed, nothing):
            yield from revisions.revisions(worker(pool=pool, changes=changes))
        by_hand = {"manualInstanceCount": 0} | ({} if pool else {"scalingMode": "MANUAL"})
        for scaling in (by_hand, {}):
            yield from revisions.instances(worker(pool=pool, scaling=scaling))
    idle = {"containers": [{"name": "worker", "resources": {"cpuIdle": True}}]}
    yield from revisions.instances(worker(changes={"template": idle}))


def of_variables() -> Iterator[Finding]:
    folder = {
        "ROOKERY_OBJECT_SECONDS": "0.5",
        "ROOKERY_COLOUR": "blue",
        "ROOKERY_RESULTS": "file:///tmp/results",
    }
    for pool in (False, True):
        deployed = worker(pool=pool, environment=folder)
        yield from variables.names(deployed)
        yield from variables.mode(deployed, Settings(deployed.environment))
        for name in ("ROOKERY_BATCH_ROW", "ROOKERY_BATCH_ROWS"):
            wrong = variables.settings_of(worker(pool=pool, environment={name: "0"}))
            assert isinstance(wrong, list)
            yield from wrong


def of_access() -> Iterator[Finding]:
    settings = Settings(
        {
            "ROOKERY_RESULTS": "gs://my-bucket/predictions,pubsub://my-project/readings-results",
            "ROOKERY_MODEL": "gs://my-models/model.ubj",
            "ROOKERY_PULL": "projects/my-project/subscriptions/readings-worker",
            "ROOKERY_PUSH_AUTH": "cloud-run-iam",
        }
    )
    for invokers, changes in (([], {}), (["allUsers"], {}), ([], {"invokerIamDisabled": True})):
        project = GoogleProject(invokers=invokers, changes=changes)
        policies = Policies(Google(project), "my-project")  # type: ignore[arg-type]  # answers without HTTP
        deployed = DeployedWorker.of(SERVICE, project.described())
        yield from access.worker_access(policies, deployed, settings)
        yield from access.invocation(policies, deployed, settings, PUSHER)


def of_delivery() -> Iterator[Finding]:
    for status in (400, 403, 503):
        answer = SimpleNamespace(status_code=status, text="refused")
        yield probe._verdict(SERVICE, subscription(), answer)  # type: ignore[arg-type]  # all that is read of it
    nowhere = subscription("https://127.0.0.1:9/", oidc_token={})
    yield from probe.probe(Google(GoogleProject()), SERVICE, nowhere)  # type: ignore[arg-type]  # likewise
    for endpoint in ("https://other.a.run.app/", "https://worker.example/"):
        yield from examination._destination(worker(), subscription(endpoint))
    late = {"num_undelivered_messages": 9.0, "oldest_unacked_message_age": 900.0, "open_streaming_pulls": 0.0}
    for target in (SERVICE, POOL):
        for acked in ({}, {"ack_message_count": 1.0}):
            google: Any = Google(GoogleProject(metrics={**late, **acked}))
            yield from backlog.backlog(google, target, subscription().name)


def of_nothing() -> Iterator[Finding]:
    google: Any = SimpleNamespace(get=lambda *_: None)
    for target in (SERVICE, POOL):
        whole = examination.DeploymentExamination(
            google, target, "projects/my-project/topics/readings", None, None, post=False
        )
        yield from whole.findings()


SCENARIOS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    of_revisions,
    of_variables,
    of_access,
    of_delivery,
    of_nothing,
)
HINTS: Final = sorted(
    {
        " ".join(word.split("=")[0] for word in each.fix.split() if not re.search("[/@]", word)): each.fix
        for scenario in SCENARIOS
        for each in scenario()
        if each.fix
    }.values()
)
"""Each kind of hint once, whatever its values."""


def test_every_error_of_a_deployment_is_printed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hint is left out: each place that makes an error or a warning is reached by a scenario."""
    made: set[tuple[str, int]] = set()

    def recording(kind: Callable[[str, str], Finding]) -> Callable[[str, str], Finding]:
        def record(sentence: str, fix: str) -> Finding:
            frame = sys._getframe(1)
            made.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
            return kind(sentence, fix)

        return record

    for module in MODULES:
        for name, kind in (("error", error), ("warning", warning)):
            monkeypatch.setattr(module, name, recording(kind), raising=False)
    for scenario in SCENARIOS:
        list(scenario())
    # Pub/Sub out of reach needs a Pub/Sub; its hint names no command.
    text = (Path(examination.__file__)).read_text().splitlines()
    left = {(file, line) for file, line in CALLS - made if "Pub/Sub cannot be examined" not in text[line - 1]}
    assert left == set()


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("hint", [each for each in HINTS if "gcloud" in each])
def test_gcloud_accepts_the_hint(tmp_path: Path, hint: str) -> None:
    """The hint is a command, whole as it is printed."""
    assert hint.startswith("gcloud ")
    assert_accepted(tmp_path, hint)


def test_other_hints_name_what_exists() -> None:
    """A hint that is no command names a variable of Terraform."""
    others = [each for each in HINTS if "gcloud" not in each]
    assert len(others) == 1
    declared = re.findall(r'variable "(\w+)"', (TERRAFORM / "variables.tf").read_text())
    for each in others:
        assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", each)) <= set(declared), each


def test_the_worker_of_the_scenarios_is_terraforms() -> None:
    """The accounts in the hints are those that Terraform makes."""
    text = (TERRAFORM / "identities.tf").read_text()
    for account in (ACCOUNT, PUSHER):
        assert account.partition("@")[0].replace("rookery", "${var.name}") in text
