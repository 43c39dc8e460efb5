"""The checks of role bindings: the worker may write its results, and Pub/Sub's pushes may invoke it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.doctor.deployment.google_apis import ApiDeniedError
from rookery.doctor.deployment.policies import ANYBODY
from rookery.doctor.finding import error, ok, unknown
from rookery.doctor.sinks import BUCKET_PERMISSIONS
from rookery.schemas.parsing.address import split_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rookery.doctor.deployment.deployed_worker import DeployedWorker
    from rookery.doctor.deployment.policies import Policies, Policy
    from rookery.doctor.finding import Finding
    from rookery.worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Need:
    """Permissions that an account needs on one resource; `name` says what for, `fix` grants them."""

    name: str
    policy: Callable[[], Policy]
    permissions: Sequence[str]
    fix: str


def worker_access(policies: Policies, worker: DeployedWorker, settings: Settings) -> Iterator[Finding]:
    """Check what the worker's account needs, by its settings; raises ApiUnreachableError."""
    if not worker.account:
        yield unknown("the deployment names no service account: the project's default account runs it")
        return
    for need in needs(policies, worker.account, settings):
        yield allowed(policies, worker.account, need)


def needs(policies: Policies, account: str, settings: Settings) -> Iterator[Need]:
    """Name the worker's needs: each place that it writes to, its model, and its subscription."""
    for name, written in (("ROOKERY_RESULTS", settings.results), ("ROOKERY_REJECTS", settings.rejects)):
        for address in (split_address(each.strip()) for each in written.split(",")):
            if address.scheme == "gs":
                yield _bucket(policies, account, f"{name}: write to gs://{address.netloc}", address.netloc)
            elif address.scheme == "pubsub":
                topic = f"projects/{address.netloc}/topics/{address.path.strip('/')}"
                yield _topic(policies, account, f"{name}: publish to {topic}", topic)
    model = split_address(settings.model)
    if model.scheme == "gs":
        bucket = model.netloc
        yield Need(
            f"ROOKERY_MODEL: read gs://{bucket}",
            lambda: policies.bucket(bucket),
            ("storage.objects.get",),
            f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --role=roles/storage.objectViewer"
            f" --member=serviceAccount:{account}",
        )
    if settings.pull:
        subscription = settings.pull
        yield Need(
            f"ROOKERY_PULL: pull from {subscription}",
            lambda: policies.subscription(subscription),
            ("pubsub.subscriptions.consume",),
            f"gcloud pubsub subscriptions add-iam-policy-binding {subscription} --role=roles/pubsub.subscriber"
            f" --member=serviceAccount:{account}",
        )


def _bucket(policies: Policies, account: str, name: str, bucket: str) -> Need:
    return Need(
        name,
        lambda: policies.bucket(bucket),
        BUCKET_PERMISSIONS,
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --role=roles/storage.objectUser"
        f" --member=serviceAccount:{account}",
    )


def _topic(policies: Policies, account: str, name: str, topic: str) -> Need:
    return Need(
        name,
        lambda: policies.topic(topic),
        ("pubsub.topics.publish",),
        f"gcloud pubsub topics add-iam-policy-binding {topic} --role=roles/pubsub.publisher"
        f" --member=serviceAccount:{account}",
    )


def allowed(policies: Policies, account: str, need: Need) -> Finding:
    """Compare one need with the policies; raises ApiUnreachableError."""
    try:
        policy = need.policy()
        lacking = policies.lacking(policy, f"serviceAccount:{account}", need.permissions)
    except ApiDeniedError as denied:
        return unknown(f"{need.name}: the role bindings cannot be read here: {denied}")
    if not lacking:
        return ok(f"{need.name}: {account} may")
    if policy.groups:
        return unknown(f"{need.name}: {account} may not by its own name; perhaps by a group")
    return error(f"{need.name}: {account} may not: it lacks {', '.join(sorted(lacking))}.", need.fix)


def invocation(
    policies: Policies, worker: DeployedWorker, settings: Settings, pusher: str
) -> Iterator[Finding]:
    """Check that the account of the pushes may invoke the service, and that others may not; raises likewise."""
    try:
        policy = policies.run(worker.target.resource)
    except ApiDeniedError as denied:
        yield unknown(f"the service's role bindings cannot be read here: {denied}")
        return
    name, where = worker.target.name, f"--region={worker.target.region} --project={worker.target.project}"
    open_to = ANYBODY & policy.members("roles/run.invoker")
    if settings.push_auth == "cloud-run-iam" and (open_to or not worker.invoker_check):
        yield error(
            f"anybody may invoke {name}: Cloud Run authenticates no push.",
            f"gcloud run services remove-iam-policy-binding {name} {where} --role=roles/run.invoker"
            f" --member={min(open_to)}"
            if open_to
            else f"{worker.target.command('update', beta=True)} --invoker-iam-check",
        )
    elif pusher:
        yield allowed(
            policies,
            pusher,
            Need(
                f"push to {name}",
                lambda: policy,
                ("run.routes.invoke",),
                f"gcloud run services add-iam-policy-binding {name} {where} --role=roles/run.invoker"
                f" --member=serviceAccount:{pusher}",
            ),
        )
