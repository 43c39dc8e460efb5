"""Since when a worker or broker does not answer."""

from __future__ import annotations

from rookery.watch.availability import Availabilities


def test_silence_has_a_beginning_and_an_end() -> None:
    """The first poll without an answer is since when; an answer ends it; an address that was not given is not asked."""
    known = Availabilities({"worker": "http://127.0.0.1:9", "broker": None})
    worker = known.by_name["worker"]
    assert worker is not None
    assert known.by_name["broker"] is None
    seen = []
    for now, answer in enumerate([None, None, {"ready": 1}, None, None, {"ready": 1}]):
        known.enter({"worker": answer, "broker": None}, float(now))
        seen.append((worker.answered, worker.silent_since))
    assert seen == [(False, 0.0), (False, 0.0), (True, None), (True, 3.0), (True, 3.0), (True, None)]
