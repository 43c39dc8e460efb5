"""The probe: one harmless envelope in the subscription's own form, posted to its endpoint as Pub/Sub would."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests

from rookery.doctor import push_form
from rookery.doctor.deployment.google_apis import ApiDeniedError
from rookery.doctor.finding import error, ok, unknown
from rookery.schemas.envelope import MESSAGE_ID_HEADER, PUBLISH_TIME_HEADER, SUBSCRIPTION_HEADER
from rookery.worker.auth.policy import loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import PushConfig, Subscription

    from rookery.doctor.deployment.google_apis import GoogleApis
    from rookery.doctor.deployment.target import DeploymentTarget
    from rookery.doctor.finding import Finding

DEVICE: Final = "rookery-doctor"
PAYLOAD: Final = json.dumps(
    {"reading_id": DEVICE, "device_id": DEVICE, "observed_at": "never: a probe of rookery doctor"}
).encode()
"""Invalid under every contract, so that it becomes no prediction: at most one rejection in ten minutes."""

ACKNOWLEDGED: Final = frozenset({102, 200, 201, 202, 204})
"""Every other status is a nack: https://cloud.google.com/pubsub/docs/push#receive_push."""

_SHOWN: Final = 200


def probe(google: GoogleApis, target: DeploymentTarget, subscription: Subscription) -> Iterator[Finding]:
    """Post one envelope and report whether Pub/Sub would take its answer for an acknowledgement."""
    push = subscription.push_config
    address = urlsplit(push.push_endpoint)
    if address.scheme != "https" and not loopback(address.hostname or ""):
        yield unknown(f"no probe is sent in the clear to {push.push_endpoint}")
        return
    try:
        headers = _authorization(google, push)
    except ApiDeniedError as denied:
        account, project = push.oidc_token.service_account_email, target.project
        yield unknown(
            f"no probe is sent: these credentials may not make a token of {account}: {denied}; gcloud iam"
            f" service-accounts add-iam-policy-binding {account} --project={project}"
            " --role=roles/iam.serviceAccountOpenIdTokenCreator --member=user:YOU allows it"
        )
        return
    body, own = envelope(subscription)
    try:
        answer = requests.post(
            push.push_endpoint,
            data=body,
            headers=own | headers,
            timeout=subscription.ack_deadline_seconds or 10,
            allow_redirects=False,
        )
    except requests.RequestException as failure:
        yield error(f"nothing answers at {push.push_endpoint}: {failure}.", target.command("describe"))
        return
    yield _verdict(target, subscription, answer)


def envelope(subscription: Subscription) -> tuple[bytes, dict[str, str]]:
    """Write the body and the headers that Pub/Sub would post."""
    push, now = subscription.push_config, datetime.now(UTC).isoformat()
    if push_form.unwrapped(push):
        metadata = {
            MESSAGE_ID_HEADER: DEVICE,
            PUBLISH_TIME_HEADER: now,
            SUBSCRIPTION_HEADER: subscription.name,
        }
        return PAYLOAD, metadata if push.no_wrapper.write_metadata else {}
    message = {"messageId": DEVICE, "publishTime": now, "data": base64.b64encode(PAYLOAD).decode()}
    body = {"message": message, "subscription": subscription.name}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


def _authorization(google: GoogleApis, push: PushConfig) -> dict[str, str]:
    account = push.oidc_token.service_account_email
    if not account:
        return {}
    asked = {"audience": push.oidc_token.audience or push.push_endpoint, "includeEmail": True}
    made = google.post("iamcredentials", f"v1/projects/-/serviceAccounts/{account}:generateIdToken", asked)
    if made is None:
        raise ApiDeniedError("it does not exist")
    return {"Authorization": f"Bearer {made['token']}"}


def _verdict(target: DeploymentTarget, subscription: Subscription, answer: requests.Response) -> Finding:
    posted = f"an envelope of the form of {subscription.name}, posted to its endpoint,"
    if answer.status_code in ACKNOWLEDGED:
        return ok(f"{posted} is acknowledged (HTTP {answer.status_code}), its rejection is of {DEVICE}")
    said = f"HTTP {answer.status_code} {answer.text.strip()[:_SHOWN]}".strip()
    refused = f"{posted} is not acknowledged ({said}): Pub/Sub delivers each message again and again."
    where = f"--project={target.project} --region={target.region}"
    match answer.status_code:
        case 401 | 403:
            fix = (
                f"gcloud run services add-iam-policy-binding {target.name} {where} --role=roles/run.invoker"
                f" --member=serviceAccount:{subscription.push_config.oidc_token.service_account_email or 'ACCOUNT'}"
            )
        case 400 | 404 | 405:
            address = urlsplit(subscription.push_config.push_endpoint)
            endpoint = f"{address.scheme}://{address.netloc}/"
            fix = (
                f"gcloud pubsub subscriptions modify-push-config --push-endpoint={endpoint}"
                f"{push_form.token(subscription.push_config)} {subscription.name}"
            )
        case _:
            fix = target.log
    return error(refused, fix)
