"""PoolRollout: the story of a release for a worker pool, whose health shows in the age of what waits for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bluegreen.rollout import Rollout, say
from bluegreen.watch import Monitoring

if TYPE_CHECKING:
    from bluegreen.pools.worker_pool import WorkerPool
    from bluegreen.rollout import ReleasePlan
    from bluegreen.service import TaggedRevision


class PoolRollout(Rollout):
    """Releases one plan to one pool.

    Cloud Run starts an instance of the new revision at the first share, and ends that change with an error where the instance
    does not become ready: its model, its sinks and its subscription are tried before that.
    """

    def __init__(self, pool: WorkerPool, plan: ReleasePlan) -> None:
        """Store what to do; nothing is asked or changed before `run`."""
        super().__init__(pool, plan)
        self._pool = pool

    def _try(self, green: TaggedRevision, _url: str) -> None:
        say(f"{green.revision} has no address; it is tried by its first instances")

    def _watch(self, green: TaggedRevision, _url: str, _share: int) -> None:
        """Wait for the time of a step and until its metrics are visible, then check the backlog against its limit."""
        subscription = self._pool.subscription()
        monitoring = Monitoring(self._gcloud, self._pool.name, green.revision)
        since = datetime.now(UTC)
        until = since + timedelta(seconds=self._plan.watch_s)
        if self._gcloud.dry:
            say(f"watch {subscription} for {self._plan.watch_s:g} s")
        else:
            time.sleep(self._plan.watch_s + self._plan.lag_s)
        backlog = monitoring.backlog(subscription, since, until)
        if not self._gcloud.dry:
            say(str(backlog))
            backlog.check(self._plan.limits)
