"""The examination of a deployment: what Google's APIs say of it, and one probe of its push endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rookery.doctor import examination, identity, model
from rookery.doctor.case import Case
from rookery.doctor.deployment import access, revisions, variables
from rookery.doctor.deployment.backlog import backlog
from rookery.doctor.deployment.deployed_worker import DeployedWorker
from rookery.doctor.deployment.google_apis import ApiDeniedError, ApiUnreachableError, GoogleApis
from rookery.doctor.deployment.policies import Policies
from rookery.doctor.deployment.probe import probe
from rookery.doctor.finding import Finding, error, unknown, warning
from rookery.doctor.pubsub import OutOfReachError, PubSub
from rookery.environment.provision import Route
from rookery.errors import UserError
from rookery.publisher.errors import BadBrokerError, BadTopicError
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.topics import topic_path
from rookery.worker.settings import SHIPPED_MODEL, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import Subscription

    from rookery.doctor.deployment.target import DeploymentTarget


def run(
    target: DeploymentTarget,
    topic: str,
    *,
    subscription: str | None = None,
    broker: str | None = None,
    post: bool = True,
) -> int:
    """Examine a deployment and print the findings; returns the exit code, raises UserError."""
    try:
        name = topic_path(topic, target.project)
        address = PublisherSettings(broker=broker).address(name)
    except (BadBrokerError, BadTopicError) as bad:
        raise UserError(str(bad)) from None
    try:
        with GoogleApis() as google:
            examined = DeploymentExamination(google, target, name, subscription, address, post=post)
            return examination.render(list(examined.findings()))
    except ApiUnreachableError as unreachable:
        raise UserError(
            f"{unreachable}.", hint="gcloud auth application-default login makes credentials."
        ) from None


class DeploymentExamination:
    """Every check of one deployment; `post` says whether the push endpoint is probed."""

    def __init__(  # noqa: PLR0913  the parts of one question
        self,
        google: GoogleApis,
        target: DeploymentTarget,
        topic: str,
        subscription: str | None,
        broker: str | None,
        *,
        post: bool,
    ) -> None:
        self._google = google
        self._target = target
        self._topic = topic
        self._subscription = subscription
        self._broker = broker
        self._post = post
        self._policies = Policies(google, target.project)

    def findings(self) -> Iterator[Finding]:
        """Run every check; raises ApiUnreachableError."""
        target = self._target
        described = self._described()
        if described is None:
            yield error(
                f"there is no {target.kind} {target.name} in {target.project}, {target.region}.",
                _list_command(target),
            )
            return
        worker = DeployedWorker.of(target, described)
        yield from revisions.revisions(worker)
        yield from revisions.instances(worker)
        yield from variables.names(worker)
        settings = variables.settings_of(worker)
        if isinstance(settings, list):
            yield from settings
            return
        yield from variables.mode(worker, settings)
        yield from self._with_settings(worker, settings)

    def _described(self) -> Any:
        try:
            return self._google.get("run", f"v2/{self._target.resource}")
        except ApiDeniedError as denied:
            raise UserError(
                f"{denied}.", hint=f"roles/run.viewer on {self._target.project} lets you read the deployment."
            ) from None

    def _with_settings(self, worker: DeployedWorker, settings: Settings) -> Iterator[Finding]:
        fallback = Route(topic=self._topic, push_to="").subscription
        case = Case(
            settings=settings,
            topic=self._topic,
            subscription=self._subscription or settings.pull or fallback,
            broker=self._broker,
            on_cloud_run=True,
        )
        yield from identity.guard(case)
        if settings.model != str(SHIPPED_MODEL):
            yield from model.model(case)
        yield from access.worker_access(self._policies, worker, settings)
        try:
            with PubSub(self._broker) as pubsub:
                found = yield from examination.delivery(case, pubsub)
        except OutOfReachError as away:
            yield error(f"Pub/Sub cannot be examined: {away}.", "Check the credentials.")
            return
        if found is None:
            return
        if found.push_config.push_endpoint:
            yield from self._pushes(worker, settings, found)
        yield from backlog(self._google, self._target, found.name)

    def _pushes(
        self, worker: DeployedWorker, settings: Settings, subscription: Subscription
    ) -> Iterator[Finding]:
        push = subscription.push_config
        if not self._target.pool:
            yield from _destination(worker, subscription)
            account = push.oidc_token.service_account_email
            yield from access.invocation(self._policies, worker, settings, account)
        if self._post:
            yield from probe(self._google, self._target, subscription)
        else:
            yield unknown("the push endpoint is not probed")


def _destination(worker: DeployedWorker, subscription: Subscription) -> Iterator[Finding]:
    """Check that the endpoint is the service's own address; a domain of the user's may lead there too."""
    endpoint = subscription.push_config.push_endpoint
    host = urlsplit(endpoint).netloc
    own = [urlsplit(each).netloc for each in worker.addresses]
    if host in own or not own:
        return
    address = worker.addresses[0]
    if host.endswith(".run.app"):
        yield error(
            f"{subscription.name} pushes to {endpoint}, another service: nothing is pushed to {worker.target.name}.",
            f"gcloud pubsub subscriptions modify-push-config --push-endpoint={address}/ {subscription.name}",
        )
    else:
        yield warning(
            f"{subscription.name} pushes to {endpoint}, and not to {address}: perhaps another domain of the service.",
            f"gcloud pubsub subscriptions modify-push-config --push-endpoint={address}/ {subscription.name}",
        )


def _list_command(target: DeploymentTarget) -> str:
    kind = "beta run worker-pools" if target.pool else "run services"
    return f"gcloud {kind} list --project={target.project} --region={target.region}"
