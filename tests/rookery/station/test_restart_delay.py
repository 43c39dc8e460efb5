"""The wait before a program is started again."""

from __future__ import annotations

from rookery.station.restart_delay import FIRST_S, LONGEST_S, STEADY_S, RestartDelay


def test_the_delay_doubles_to_its_bound_and_begins_anew_after_a_steady_run() -> None:
    """A program that fails at once waits longer and longer, at most LONGEST_S; one that ran well starts soon again."""
    delay = RestartDelay()
    waits = [delay.after(0.0) for _ in range(10)]
    assert waits[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    assert delay.after(STEADY_S - 0.1) == LONGEST_S
    assert [delay.after(STEADY_S), delay.after(0.0)] == [FIRST_S, 2 * FIRST_S]
