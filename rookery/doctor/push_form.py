"""The check of a push's form: the worker takes wrapped messages, or unwrapped ones with metadata, at the path /."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rookery.doctor.finding import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.pubsub_v1 import PushConfig, Subscription

    from rookery.doctor.finding import Finding


def form(subscription: Subscription) -> Iterator[Finding]:
    """Check path and wrapping: either one wrong, every message of the subscription is refused."""
    push = subscription.push_config
    address = urlsplit(push.push_endpoint)
    root = f"{address.scheme}://{address.netloc}/"
    if address.path not in {"", "/"}:
        yield error(
            f"{subscription.name} pushes to the path {address.path}, which no worker serves: every message is refused.",
            f"gcloud pubsub subscriptions modify-push-config --push-endpoint={root}{kept(push)} {subscription.name}",
        )
    if unwrapped(push) and not push.no_wrapper.write_metadata:
        endpoint = push.push_endpoint
        yield error(
            f"{subscription.name} pushes payloads without their metadata: a message without an id is refused.",
            f"gcloud pubsub subscriptions modify-push-config --push-endpoint={endpoint} --push-no-wrapper"
            f" --push-no-wrapper-write-metadata{token(push)} {subscription.name}",
        )


def unwrapped(push: PushConfig) -> bool:
    """Whether payloads are pushed as they are, not wrapped in JSON."""
    return "no_wrapper" in push


def kept(push: PushConfig) -> str:
    """The options that keep wrapping and token when the endpoint is changed; whatever is not named is reset."""
    if not unwrapped(push):
        return token(push)
    metadata = " --push-no-wrapper-write-metadata" if push.no_wrapper.write_metadata else ""
    return f" --push-no-wrapper{metadata}{token(push)}"


def token(push: PushConfig) -> str:
    """The options that keep the token."""
    account, audience = push.oidc_token.service_account_email, push.oidc_token.audience
    options = f" --push-auth-service-account={account}" if account else ""
    return f"{options} --push-auth-token-audience={audience}" if audience else options
