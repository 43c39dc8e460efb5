"""Shape: a stage plan in the form of Locust's LoadTestShape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locust import LoadTestShape

from rookery.load.swarm.per_second_stats import BROKEN_MS
from rookery.load.swarm.stages import stage_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rookery.load.swarm.settings import SwarmSettings


def shape(settings: SwarmSettings, users: Mapping[str, Any]) -> type[LoadTestShape]:
    """Make the class that Locust looks for; `users` are the user classes by name."""
    plan = stage_plan(settings)

    class Shape(LoadTestShape):
        """The chosen stage plan."""

        def tick(self) -> tuple[int, float, list[Any]] | None:
            """Return users, spawn rate and classes of users at this moment; None ends the run."""
            stage = plan.at(self.get_run_time())  # type: ignore[no-untyped-call]  # Locust leaves it untyped
            swarm = getattr(self.runner and self.runner.environment, "swarm", None)
            if stage is None or (plan.breakable and swarm and swarm.stats.latency_ms > BROKEN_MS):
                return None
            return stage.users, stage.spawn_rate, [users[kind] for kind in stage.kinds]

    # Locust's page lists shapes by the names of their classes.
    Shape.__name__ = settings.shape.capitalize()
    return Shape
