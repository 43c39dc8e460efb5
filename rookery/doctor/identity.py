"""The authentication check: the worker's policy for pushes, and the tokens of the subscription."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rookery.doctor.finding import error, ok, warning
from rookery.worker.auth.policy import KeysUnavailableError, insecure_settings, loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import PushConfig

    from rookery.doctor.case import Case
    from rookery.doctor.finding import Finding
    from rookery.worker.settings import Settings


def guard(case: Case) -> Iterator[Finding]:
    """Check the worker's own policy."""
    settings = case.settings
    wrong = insecure_settings(settings)
    for sentence in wrong:
        yield error(
            f"{sentence}.", "Set it in the worker's environment; the worker does not start like this."
        )
    if wrong:
        return
    if settings.pull:
        yield ok(f"the worker pulls from {settings.pull} and takes no pushes")
    elif settings.push_auth == "none":
        yield ok(f"pushes are not authenticated: {_why_none(settings)}")
    elif settings.push_auth == "cloud-run-iam":
        yield _by_cloud_run(case)
    else:
        yield ok(
            f"tokens of {settings.push_service_account} for {settings.push_audience} are verified in the worker"
        )
        yield _keys(settings)


def _why_none(settings: Settings) -> str:
    if settings.emulator:
        return f"the broker at {settings.emulator} (PUBSUB_EMULATOR_HOST) is the only client"
    return f"only this machine reaches {settings.host}"


def _by_cloud_run(case: Case) -> Finding:
    if case.on_cloud_run:
        return ok("Cloud Run authenticates pushes")
    return warning(
        "ROOKERY_PUSH_AUTH=cloud-run-iam leaves the check to Cloud Run, and this is not Cloud Run.",
        "Ignore this on a developer's machine; elsewhere set ROOKERY_PUSH_AUTH=oidc.",
    )


def _keys(settings: Settings) -> Finding:
    """Fetch the signing keys as the worker would."""
    from rookery.worker.auth.jwks import JwksClient  # noqa: PLC0415  needed with tokens only

    async def fetch() -> None:
        async with JwksClient(settings.push_jwks_url) as keys:
            await keys.key("any")

    try:
        asyncio.run(fetch())
    except KeysUnavailableError as unavailable:
        return error(
            f"{unavailable}.", "Let the worker reach ROOKERY_PUSH_JWKS_URL; until then pushes get 503."
        )
    return ok(f"the signing keys at {settings.push_jwks_url} can be fetched")


def pushes(case: Case, push: PushConfig) -> Iterator[Finding]:
    """Compare the tokens that the subscription sends with those that the worker accepts."""
    endpoint = push.push_endpoint
    address = urlsplit(endpoint)
    if address.scheme != "https" and not (case.broker or loopback(address.hostname or "")):
        yield error(f"readings and tokens travel in the clear to {endpoint}.", "Push to an https:// address.")
    if case.settings.push_auth == "none":
        return
    token = push.oidc_token
    if not token.service_account_email:
        yield error(
            "the subscription sends no token, so that every push is refused.",
            f"rookery setup --push-to {endpoint} --service-account ACCOUNT, or"
            f" gcloud pubsub subscriptions modify-push-config --push-endpoint={endpoint}"
            f" --push-auth-service-account=ACCOUNT {case.subscription}",
        )
    elif case.settings.push_auth == "oidc":
        yield from _agreement(case.settings, token, endpoint)


def _agreement(settings: Settings, token: PushConfig.OidcToken, endpoint: str) -> Iterator[Finding]:
    # Without an audience of its own, a token is for the address that is pushed to.
    audience = token.audience or endpoint
    for name, sent, wanted in (
        ("ROOKERY_PUSH_AUDIENCE", audience, settings.push_audience),
        ("ROOKERY_PUSH_SERVICE_ACCOUNT", token.service_account_email, settings.push_service_account),
    ):
        if sent != wanted:
            yield error(
                f"the subscription's tokens have {sent}, the worker needs {wanted}: every push is refused.",
                f"{name}={sent}, or change the subscription.",
            )
