"""Authenticator: decides from the token whether a request is served, before a byte of its body is read."""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from rookery.schemas.parsing.address import split_address
from rookery.worker.errors import UnavailableError
from rookery.worker.http.responses import LATER, UNKNOWN

if TYPE_CHECKING:
    from rookery.worker.observability.metrics import Metrics
    from rookery.worker.settings import AuthSettings

log: Final = logging.getLogger(__name__)


class PermissionDeniedError(Exception):
    """The sender may not hand messages in; `cause` is a word for the metrics."""

    def __init__(self, cause: str, sentence: str, *, status: int = UNKNOWN) -> None:
        super().__init__(sentence)
        self.cause = cause
        self.status = status


class KeysUnavailableError(UnavailableError):
    """The keys that tokens are verified with cannot be had, so nothing can be said of the token."""

    cause = "keys"


class Authenticator(Protocol):
    """Decides by the `Authorization` header."""

    def known(self, authorization: str | None) -> bool:
        """Whether an earlier verdict admits it still; costs next to nothing."""

    async def admit(self, authorization: str | None) -> None:
        """Return where the sender is admitted; raises PermissionDeniedError, or KeysUnavailableError (try again)."""


@dataclass(frozen=True, slots=True)
class AuthenticationFailure:
    """The answer to a request that is refused: a status and a sentence."""

    status: int
    text: str


async def authenticate(
    guard: Authenticator, authorization: str | None, metrics: Metrics
) -> AuthenticationFailure | None:
    """Authenticate a sender; return the answer to one that is refused, or None where it is admitted."""
    try:
        await guard.admit(authorization)
    except PermissionDeniedError as denied:
        metrics.denied(denied.cause)
        log.warning("refused a request: %s", denied)
        return AuthenticationFailure(denied.status, f"{denied}\n")
    except KeysUnavailableError as error:
        metrics.retry(error.cause)
        log.error("%s", error)  # noqa: TRY400  the sentence is all
        return AuthenticationFailure(LATER, f"{error}\n")
    except Exception:
        # A defect: without an answer the connection would stay open for ever, and the message in flight.
        metrics.retry("authentication")
        log.exception("authentication failed")
        return AuthenticationFailure(LATER, "authentication failed\n")
    return None


def insecure_settings(settings: AuthSettings) -> list[str]:
    """Name the settings that would let any sender push, or that are missing; empty where there is none.

    A worker that pulls takes no pushes, so nothing is to be guarded.
    """
    if settings.pull:
        return []
    if settings.push_auth == "none":
        if loopback(settings.host) or settings.emulator:
            return []
        open_door = f"ROOKERY_PUSH_AUTH=none would let anybody who reaches {settings.host} hand in readings"
        return [f"{open_door}: oidc verifies Pub/Sub's tokens here, cloud-run-iam leaves it to Cloud Run"]
    if settings.push_auth == "cloud-run-iam":
        return []
    missing = [
        f"ROOKERY_PUSH_AUTH=oidc needs {name}, {meaning}"
        for name, meaning, value in (
            ("ROOKERY_PUSH_AUDIENCE", "the audience of the subscription's tokens", settings.push_audience),
            (
                "ROOKERY_PUSH_SERVICE_ACCOUNT",
                "the e-mail of the account that pushes",
                settings.push_service_account,
            ),
        )
        if not value
    ]
    if not _trusted(settings.push_jwks_url):
        missing.append(
            f"ROOKERY_PUSH_JWKS_URL={settings.push_jwks_url}: who can change the keys can forge any token;"
            " an https:// address is needed"
        )
    return missing


def _trusted(url: str) -> bool:
    """Whether no one between the worker and an address can answer in its place."""
    parts = split_address(url)
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and loopback(host)))


def loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
