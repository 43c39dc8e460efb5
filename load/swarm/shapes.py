"""Shape: a course as Locust asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locust import LoadTestShape

from rookery.load.swarm.per_second_stats import BROKEN_MS
from rookery.load.swarm.stages import course

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rookery.load.swarm.settings import SwarmSettings


def shape(wishes: SwarmSettings, users: Mapping[str, Any]) -> type[LoadTestShape]:
    """Make the class that Locust looks for; `users` are the user classes by name."""
    wanted = course(wishes)

    class Shape(LoadTestShape):
        """The chosen course, as Locust asks for it."""

        def tick(self) -> tuple[int, float, list[Any]] | None:
            """Say how many users there are now; None ends the run."""
            step = wanted.at(self.get_run_time())  # type: ignore[no-untyped-call]  # Locust leaves it untyped
            swarm = getattr(self.runner and self.runner.environment, "swarm", None)
            if step is None or (wanted.breakable and swarm and swarm.pulse.latency_ms > BROKEN_MS):
                return None
            return step.users, step.spawn_rate, [users[kind] for kind in step.kinds]

    return Shape
