"""Growth: a leak is distinguished from noise."""

from __future__ import annotations

import os

from rookery.load.footprint import Footprint, footprint, growth


def test_steady_memory_is_no_leak_and_a_warm_up_is_ignored() -> None:
    """Allocations during the warm-up are no growth."""
    seen = [Footprint(nth * 10_000_000, 50) for nth in range(5)]
    seen += [Footprint(100_000_000 + nth % 3 * 1_000_000, 20 + nth % 4) for nth in range(20)]
    grown = growth(seen)
    assert grown is not None
    assert not grown.leaks


def test_memory_or_files_that_grow_on_and_on_are_a_leak() -> None:
    """Either is enough."""
    memory = growth([Footprint(100_000_000 + nth * 1_000_000, 20) for nth in range(30)])
    files = growth([Footprint(100_000_000, 20 + nth) for nth in range(30)])
    assert memory is not None
    assert files is not None
    assert memory.leaks
    assert files.leaks


def test_too_few_looks_tell_nothing() -> None:
    """No verdict is given where there is no evidence."""
    assert growth([Footprint(1, 1)] * 4) is None


def test_a_process_has_a_footprint() -> None:
    """An open file is counted."""
    before = footprint(os.getpid())
    with open(os.devnull, "rb"):  # noqa: PTH123  a descriptor to count
        after = footprint(os.getpid())
    assert after.files == before.files + 1
    assert after.resident > 1_000_000
