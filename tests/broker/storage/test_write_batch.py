"""Lazy writes: whatever fails in between, the same state results."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rookery.broker.scheduling.messages import StoredMessage
from rookery.broker.storage.write_batch import LazyWrites

Held = dict[int, int]
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "attempt", "sync", "fail"]), st.integers(0, 4)))


def applied(held: Held, lazy: LazyWrites) -> Held:
    """The state of the database after these writes: inserts, updates of existing rows, deletions."""
    after = {**held, **dict.fromkeys(lazy.added, 0)}
    after |= {ident: attempts for ident, attempts in lazy.attempts.items() if ident in after}
    return {ident: attempts for ident, attempts in after.items() if ident not in lazy.removed}


@given(STEPS)
def test_failed_writes_are_joined_in_order(steps: list[tuple[str, int]]) -> None:
    """Additions, attempts and removals that fail and are joined with later ones lead where single syncs would."""
    expected: Held = {}
    stored: Held = {}
    waiting = LazyWrites()
    in_flight: LazyWrites | None = None
    ever: set[int] = set()
    for number, (step, ident) in enumerate(steps):
        if step == "add" and ident not in ever:
            ever.add(ident)
            expected[ident] = 0
            waiting.added[ident] = StoredMessage(str(ident), b"", None, "", 0.0)
        elif step == "remove" and expected.pop(ident, None) is not None:
            waiting.remove(ident)
        elif step == "attempt" and ident in expected:
            expected[ident] = waiting.attempts[ident] = number
        elif step == "sync":
            if in_flight is not None:
                stored = applied(stored, in_flight)
            in_flight, waiting = waiting, LazyWrites()
        elif step == "fail" and in_flight is not None:
            waiting, in_flight = in_flight.then(waiting), None
    for lazy in (in_flight or LazyWrites(), waiting):
        stored = applied(stored, lazy)
    assert stored == expected
