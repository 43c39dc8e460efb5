"""Admission: who may ask, decided by a head alone, before any of a body is read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from rookery.worker.auth.policy import AuthenticationFailure, authenticate

if TYPE_CHECKING:
    from rookery.worker.auth.host_policy import HostPolicy
    from rookery.worker.auth.policy import Authenticator
    from rookery.worker.http.wire.request_head import RequestHead
    from rookery.worker.observability.metrics import Metrics

log: Final = logging.getLogger(__name__)


class Admission:
    """Asks the guard for the sender of every request but a GET or HEAD without a body; without a guard, all may."""

    def __init__(
        self, guard: Authenticator | None, metrics: Metrics, *, hosts: HostPolicy | None = None
    ) -> None:
        """Store who decides on senders, and which hosts and origins are served."""
        self._guard = guard
        self._metrics = metrics
        self._hosts = hosts

    def refused(self, head: RequestHead) -> AuthenticationFailure | None:
        """Say what a request of another host or origin is answered; None where it is neither."""
        denied = None if self._hosts is None else self._hosts.denied(head.method, head.header)
        if denied is None:
            return None
        self._metrics.denied(denied.cause)
        log.warning("refused a request: %s", denied)
        return AuthenticationFailure(denied.status, f"{denied}\n")

    def known(self, head: RequestHead) -> bool:
        """Whether the sender is admitted without asking; costs next to nothing."""
        guard = self._guard
        return guard is None or not head.brings_something or guard.known(head.authorization)

    async def authenticate(self, head: RequestHead) -> AuthenticationFailure | None:
        """Ask the guard; returns what the sender is answered, or None where it is admitted."""
        if self._guard is None:
            return None
        return await authenticate(self._guard, head.authorization, self._metrics)
