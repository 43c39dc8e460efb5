"""Courses: how many users there are when, and what the environment may wish."""

from __future__ import annotations

import pytest

from rookery.load.swarm.settings import SwarmSettings, SwarmSettingsError, kinds, told, wishes
from rookery.load.swarm.stages import SHAPES, course


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_begins_and_ends(name: str) -> None:
    """Each shape has users from its first moment and none after its last, and never more than its peak."""
    wanted = course(SwarmSettings(shape=name, seconds=100, peak=8))
    steps = [wanted.at(second / 2) for second in range(200)]
    assert all(step and 1 <= step.users <= 8 for step in steps)
    assert max(step.users for step in steps if step) == 8
    assert wanted.at(100) is None


def test_normal_is_the_size_of_the_original_test() -> None:
    """Ten users, two more a second."""
    step = course(SwarmSettings(shape="normal")).at(30)
    assert step is not None
    assert (step.users, step.spawn_rate) == (10, 2)


def test_a_spike_storms_in_its_second_quarter_only() -> None:
    """Storms come out of nothing and are gone in the second half."""
    wanted = course(SwarmSettings(shape="spike", seconds=40, peak=40))
    kinds_at = [step.kinds for second in (5, 15, 25, 35) if (step := wanted.at(second))]
    assert ["OpenLoop" in each for each in kinds_at] == [False, True, False, False]


def test_an_unknown_shape_is_named() -> None:
    """Whoever misspells a shape hears which there are."""
    with pytest.raises(ValueError, match="pike is no shape: baseline, normal"):
        course(SwarmSettings(shape="pike"))


def test_wishes_come_from_the_environment_and_go_back() -> None:
    """What is told to a swarm is what it reads."""
    environ = told(users="OpenLoop, FieldDevice", shape="spike", seconds=3.5, peak=7, cap=None)
    read = wishes(environ)
    assert (kinds(read), read.shape, read.seconds, read.peak, read.cap) == (
        ["OpenLoop", "FieldDevice"],
        "spike",
        3.5,
        7,
        0,
    )


def test_every_bad_wish_is_named_at_once() -> None:
    """All that cannot be understood is said together, by variable."""
    with pytest.raises(SwarmSettingsError) as refused:
        wishes(told(users="Pigeon", door="smoke", peak="-1", seconds="nan"))
    for name in ("USERS", "DOOR", "PEAK", "SECONDS"):
        assert f"ROOKERY_LOAD_{name}" in str(refused.value)
