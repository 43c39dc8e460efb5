"""What all tests share: how hypothesis searches on machines of uneven speed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Time on a noisy machine says nothing about the code: pytest's own timeout bounds each test.
settings.register_profile("rookery", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rookery")
