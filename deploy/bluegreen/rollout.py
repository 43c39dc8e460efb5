"""Rollout: the story of a release, and the way back from wherever it stands."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bluegreen.errors import ReleaseError
from bluegreen.google_api import GoogleApi
from bluegreen.service import ALL, BLUE, GREEN
from bluegreen.smoke import Smoke
from bluegreen.watch import Monitoring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluegreen.image_build import ImageBuild
    from bluegreen.known_reading import KnownReading
    from bluegreen.pools.worker_pool import WorkerPool
    from bluegreen.service import Service, ServiceState, TaggedRevision
    from bluegreen.watch import Limits

_BETWEEN_PUSHES_S: Final = 5.0
"""While a step is watched the green revision gets smoke pushes, so that a quiet topic is no silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """One release: the image, the shares of traffic in percent, and the time `watch_s` at each share.

    `settle_s` passes between the smoke test and the first share: Cloud Run's metrics are sampled once a minute, and
    visible only `lag_s` later.
    """

    image: str | ImageBuild
    shares: Sequence[int]
    watch_s: float
    settle_s: float
    lag_s: float
    limits: Limits
    model: str | None
    known: Sequence[KnownReading]
    pusher: str | None


class Rollout:
    """Releases one plan to one service."""

    def __init__(self, service: Service | WorkerPool, plan: ReleasePlan) -> None:
        """Store what to do; nothing is asked or changed before `run`."""
        self._service = service
        self._gcloud = service.gcloud
        self._plan = plan

    def run(self) -> None:
        """Release; raises ReleaseError after everything is as it was before."""
        before = self._service.state()
        blue = before.serving
        image = self._plan.image
        if not isinstance(image, str):
            image = image.run(self._gcloud)
        try:
            green = self._service.deploy(image)
            self._try(green, before.url)
            for share in self._plan.shares:
                say(f"{share} % to {green.revision}")
                self._service.share({green.revision: share, blue: ALL - share})
                self._watch(green, before.url, share)
            self._service.share({green.revision: ALL}, **{BLUE: blue, GREEN: green.revision})
        except BaseException as error:
            self._back(before, error)
            raise
        say(f"{green.revision} serves; `deploy/release rollback` goes back to {blue}")

    def _back(self, before: ServiceState, error: BaseException) -> None:
        """Take the green revision out of traffic; raises ReleaseError with both reasons where even that fails."""
        say(f"rolling back: {str(error) or type(error).__name__}")
        try:
            self._service.withdraw(before.shares)
        except ReleaseError as failed:
            raise ReleaseError(
                f"{error}; and rolling back failed: {failed}; look at the service now"
            ) from error

    def _smoke(self, green: TaggedRevision, *, audience: str) -> Smoke:
        token = None
        if self._plan.pusher:
            # The audience of a tagged address is still the service's own.
            token = self._identity_token(self._plan.pusher, audience)
        return Smoke(green.url, green.revision, self._plan.model, self._plan.known, token)

    def _identity_token(self, account: str, audience: str) -> str | None:
        """Ask for a token of an account, None in a dry run; raises GcloudError."""
        # `gcloud auth print-identity-token` would also need the right to make access tokens of the account.
        answer = GoogleApi(self._gcloud, "iamcredentials").post(
            f"v1/projects/-/serviceAccounts/{account}:generateIdToken",
            {"audience": audience, "includeEmail": True},
        )
        token: str | None = answer.get("token")
        return token

    def _try(self, green: TaggedRevision, url: str) -> None:
        say(f"smoke-testing {green.revision} at {green.url}")
        smoke = self._smoke(green, audience=url)
        if self._gcloud.dry:
            say(f"POST push envelopes and /predict to {smoke.url}, model {smoke.model or 'any'}")
        else:
            smoke.run()
            # Requests that were refused on purpose must not be counted in the first step.
            time.sleep(self._plan.settle_s)

    def _watch(self, green: TaggedRevision, url: str, share: int) -> None:
        """Push for the time of a step and until its metrics are visible, then check them against the limits."""
        # A token lives an hour, a careful release may take longer: each step gets its own.
        smoke = self._smoke(green, audience=url)
        monitoring = Monitoring(self._gcloud, self._service.name, green.revision)
        since = datetime.now(UTC)
        until = since + timedelta(seconds=self._plan.watch_s)
        if self._gcloud.dry:
            say(f"push and watch for {self._plan.watch_s:g} s")
            monitoring.stats(since, until)
            return
        number, ends = 0, time.monotonic() + self._plan.watch_s + self._plan.lag_s
        while (left := ends - time.monotonic()) > 0:
            number += 1
            smoke.pushes(f"{share}-{number}")
            time.sleep(min(_BETWEEN_PUSHES_S, left))
        smoke.answers()
        stats = monitoring.stats(since, until)
        say(str(stats))
        stats.check(self._plan.limits)


def roll_back(service: Service | WorkerPool) -> None:
    """Give all traffic, or all instances, to the revision that served before; raises ReleaseError where none is known."""
    state = service.state()
    if BLUE not in state.tags:
        raise ReleaseError(
            f"no revision is tagged {BLUE}: only `deploy/release deploy` remembers the one that served before"
        )
    blue = state.tags[BLUE].revision
    service.share({blue: ALL})
    say(f"{blue} serves again")


def say(sentence: str) -> None:
    """Print one sentence of the release's story."""
    print(f"release: {sentence}", flush=True)  # noqa: T201  a release says what it does
