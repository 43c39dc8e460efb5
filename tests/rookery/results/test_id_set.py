"""IdSet and Labels: many names in little memory."""

from __future__ import annotations

import random

from rookery.results.id_set import IdSet, Labels


def test_names_are_remembered_as_a_set_would() -> None:
    """Rows of files, uuids, leading zeros and huge numbers: each name is new exactly once."""
    chance = random.Random(3)  # noqa: S311  any order will do
    stems = ["a", "a-1", "", "f204db2c753b", "x-y"]
    tails = ["-0", "-00", "-1", "-1023", "-1024", "-999999999999", "-9999999999999", "-٣", "", "-", "-1x"]
    names = [chance.choice(stems) + chance.choice(tails) for _ in range(500)]
    seen, known = IdSet(), set[str]()
    for name in names:
        assert seen.add(name) == (name not in known)
        known.add(name)


def test_the_names_of_a_file_take_a_bit_each() -> None:
    """A hundred thousand rows are a hundred pages, not a hundred thousand texts."""
    seen = IdSet()
    assert all(seen.add(f"f204db2c753b-{row}") for row in range(100_000))
    assert len(seen._pages) == 98
    assert not seen._others


def test_labels_are_found_by_name() -> None:
    """Known species by row, other words and other names as they are; an unknown name is None."""
    labels = Labels([("f-7", "Gentoo"), ("f-8", "Emperor"), ("other", "Adelie")])
    assert [labels["f-7"], labels["f-8"], labels["other"], labels["f-9"]] == [
        "Gentoo",
        "Emperor",
        "Adelie",
        None,
    ]
    assert not Labels()
