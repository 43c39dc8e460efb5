"""Stage plans: how many users there are at which moment, and the settings of the environment."""

from __future__ import annotations

import dataclasses

import pytest

from rookery.load.renamed import SETTINGS
from rookery.load.swarm.settings import (
    PREFIX,
    SwarmSettings,
    SwarmSettingsError,
    kinds,
    swarm_settings,
    variables,
)
from rookery.load.swarm.stages import SHAPES, stage_plan


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_begins_and_ends(name: str) -> None:
    """Each shape has users from its first moment and none after its last, and never more than its max_users."""
    wanted = stage_plan(SwarmSettings(shape=name, seconds=100, max_users=8))
    steps = [wanted.at(second / 2) for second in range(200)]
    assert all(step and 1 <= step.users <= 8 for step in steps)
    assert max(step.users for step in steps if step) == 8
    assert wanted.at(100) is None


def test_normal_is_the_size_of_the_original_test() -> None:
    """Ten users, two more a second."""
    step = stage_plan(SwarmSettings(shape="normal")).at(30)
    assert step is not None
    assert (step.users, step.spawn_rate) == (10, 2)


def test_a_spike_bursts_in_its_second_quarter_only() -> None:
    """Open-loop senders come all at once and are gone in the second half."""
    wanted = stage_plan(SwarmSettings(shape="spike", seconds=40, max_users=40))
    kinds_at = [step.kinds for second in (5, 15, 25, 35) if (step := wanted.at(second))]
    assert ["OpenLoop" in each for each in kinds_at] == [False, True, False, False]


def test_an_unknown_shape_is_named() -> None:
    """An unknown shape is reported with the known ones."""
    with pytest.raises(ValueError, match="pike is no shape: baseline, normal"):
        stage_plan(SwarmSettings(shape="pike"))


def test_settings_come_from_the_environment_and_go_back() -> None:
    """A swarm reads the settings that were written for it."""
    environ = variables(
        users="OpenLoop, FieldDevice", shape="spike", seconds=3.5, max_users=7, max_messages=None
    )
    read = swarm_settings(environ)
    assert (kinds(read), read.shape, read.seconds, read.max_users, read.max_messages) == (
        ["OpenLoop", "FieldDevice"],
        "spike",
        3.5,
        7,
        0,
    )


def test_every_bad_setting_is_named_at_once() -> None:
    """All invalid values are reported together, by variable."""
    with pytest.raises(SwarmSettingsError) as refused:
        swarm_settings(variables(users="Pigeon", transport="smoke", max_users="-1", seconds="nan"))
    for name in ("USERS", "TRANSPORT", "MAX_USERS", "SECONDS"):
        assert f"ROOKERY_LOAD_{name}" in str(refused.value)


def test_former_names_of_variables_are_still_read() -> None:
    """A former name sets its setting, is named in its error, and loses against today's name."""
    read = swarm_settings({"ROOKERY_LOAD_PEAK": "3", "ROOKERY_LOAD_CAP": "5", "ROOKERY_LOAD_DOOR": "grpc"})
    assert (read.max_users, read.max_messages, read.transport) == (3, 5, "grpc")
    assert swarm_settings({"ROOKERY_LOAD_PEAK": "3", "ROOKERY_LOAD_MAX_USERS": "4"}).max_users == 4
    with pytest.raises(SwarmSettingsError, match="ROOKERY_LOAD_PEAK=many"):
        swarm_settings({"ROOKERY_LOAD_PEAK": "many"})
    fields = {field.name for field in dataclasses.fields(SwarmSettings)}
    assert {name.removeprefix(PREFIX).lower() for name in SETTINGS.values()} <= fields
