"""The cost of observability is compared within a turn, so that it is the same on a machine whose speed changes."""

from __future__ import annotations

from benchmarks.sections.observability_cost import summary


def test_a_slow_turn_changes_no_ratio() -> None:
    """Three turns at three speeds of the machine: seen is a tenth more in each of them."""
    speeds = (50.0, 100.0, 400.0)
    costs = {
        "on": [1.1 * each for each in speeds],
        "off": [*speeds],
        "on-2": [1.1 * each for each in speeds],
        "off-2": [*speeds],
    }
    assert summary(costs) == "1.100 times 100.0 us a request; unseen against unseen 1.000"
